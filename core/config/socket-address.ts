/** Reads and writes "host:port", IPv6 in brackets, and tells loopback apart. */
import type { SocketAddress } from "./gateway-config.ts";

const HOST = /^(?!-)[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,253})$/;
const IPV6 = /^[0-9A-Fa-f:.]{2,45}$/;

/**
 * Reads "127.0.0.1:2525", "mail.example:25" or "[::1]:25".
 *
 * @param portDefault stands for a port left out; absent: the port is needed
 * @returns undefined when the text is none of these
 */
export function parseSocketAddress(text: string, portDefault?: number): SocketAddress | undefined {
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text);
  if (parts === null) return undefined;
  const [, inBrackets, bare, digits] = parts;
  const port = digits === undefined ? portDefault : Number(digits);
  if (port === undefined || port > 65535) return undefined;
  if (inBrackets !== undefined) {
    return IPV6.test(inBrackets) && inBrackets.includes(":")
      ? { host: inBrackets.toLowerCase(), port }
      : undefined;
  }
  return bare !== undefined && isHost(bare) ? { host: bare, port } : undefined;
}

/** Whether a text can be a host name or an IP address, IPv6 without brackets. */
export function isHost(text: string): boolean {
  // Four dotted numbers are an address or nothing: "1.2.3.400" is no host name.
  if (/^[\d.]+$/.test(text)) return isIpv4(text);
  return HOST.test(text) || (text.includes(":") && IPV6.test(text));
}

/** Whether a text names a unix socket: "unix:/path", no longer than a socket's name may be (sun_path of Linux). */
export function isUnixSocket(text: string): boolean {
  return /^unix:\/[!-~]{1,106}$/.test(text);
}

/** Whether a text is a dotted IPv4 address. */
function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255);
}

/** "host:port" with IPv6 in brackets; a unix socket is "unix:/path". */
export function formatSocketAddress(address: SocketAddress): string {
  if (isUnixSocket(address.host)) return address.host;
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** Reads the address of a listener: "host:port", or "unix:/path", whose port is 0. */
export function parseListenerAddress(text: string): SocketAddress | undefined {
  return isUnixSocket(text) ? { host: text, port: 0 } : parseSocketAddress(text);
}

/** Whether only this machine can reach a host name or address. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIpv4(host) && host.startsWith("127."));
}

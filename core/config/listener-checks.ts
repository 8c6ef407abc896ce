/** What a listener's kind and its kind of address rule out. */
import { type ConfigFault, showFound } from "./config-faults.ts";
import type { ParsedConfig } from "./config-schema.ts";
import { formatSocketAddress, isUnixSocket } from "./socket-address.ts";

type ParsedListener = ParsedConfig["listeners"][number];

/** Checks one listener by itself. @param path its place, as "listeners[0]" */
export function checkListenerKind(listener: ParsedListener, path: string): readonly ConfigFault[] {
  return [
    ...checkTls(listener, path),
    ...(listener.kind === "lmtp" ? checkLmtp(listener, path) : []),
    ...(isUnixSocket(listener.address.host) ? checkUnixSocket(listener, path) : []),
  ];
}

function checkTls({ kind, tls, authRequired }: ParsedListener, path: string): readonly ConfigFault[] {
  if (tls !== undefined) return [];
  const why =
    kind === "submissions"
      ? "submissions speaks TLS from the first octet"
      : kind === "submission"
        ? "a submission listener takes mail under TLS only"
        : authRequired === true && kind === "relay"
          ? "authRequired needs TLS"
          : undefined;
  if (why === undefined) return [];
  return [{ path: `${path}.tls`, found: "nothing", expected: `{ keyFile, certFile }, because ${why}` }];
}

function checkLmtp({ address, authRequired }: ParsedListener, path: string): readonly ConfigFault[] {
  const faults: ConfigFault[] = [];
  if (authRequired === true) {
    const expected = "false, because nobody logs in by LMTP";
    faults.push({ path: `${path}.authRequired`, found: "true", expected });
  }
  if (address.port === 25) {
    faults.push({
      path: `${path}.address`,
      found: showFound(formatSocketAddress(address), ""),
      expected: "another port such as 24, or a unix socket: LMTP is not for port 25 (RFC 2033 5)",
    });
  }
  return faults;
}

/** Networks in which no client of a unix socket can be: whoever wrote them expects trust or names that would not come. */
function checkUnixSocket(listener: ParsedListener, path: string): readonly ConfigFault[] {
  return (["trustedNetworks", "proxyProtocol", "xclient", "xforward", "upstreams"] as const).flatMap(
    (key) => {
      const networks = listener[key];
      if (networks === undefined || networks.length === 0) return [];
      const expected = "an empty list, because a client of a unix socket has no address";
      return [{ path: `${path}.${key}`, found: showFound(networks, ""), expected }];
    },
  );
}

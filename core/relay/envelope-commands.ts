/** MAIL and RCPT as they go to a next hop, with the parameters it offered, and what it can not be asked at all. */
import type { Delivery, DeliveryRecipient } from "../gateway/mod.ts";
import { type Address, pathText, type Reply } from "../mail/mod.ts";
import type { ContentNeeds } from "./content-needs.ts";
import type { NextHopConnection } from "./next-hop-connection.ts";
import { relayReplies } from "./next-hop-reply.ts";

/** The MAIL command. Parameters that were not offered are left out. */
export function mailCommand(connection: NextHopConnection, delivery: Delivery, needs: ContentNeeds): string {
  const { reversePath, parameters, content } = delivery;
  let command = `MAIL FROM:<${reversePath ? pathText(reversePath) : ""}>`;
  if (connection.offers("SIZE")) command += ` SIZE=${content.size}`;
  if ((parameters.body === "8BITMIME" || needs.eightBit) && connection.offers("8BITMIME"))
    command += " BODY=8BITMIME";
  if (
    connection.offers("SMTPUTF8") &&
    (parameters.smtputf8 === true || needs.utf8Header || anyUtf8(delivery))
  )
    command += " SMTPUTF8";
  if (connection.offers("DSN")) {
    if (parameters.ret) command += ` RET=${parameters.ret}`;
    if (parameters.envid) command += ` ENVID=${xtext(parameters.envid)}`;
  }
  if (parameters.requireTls) command += " REQUIRETLS";
  return command;
}

/** The RCPT command of one recipient. */
export function rcptCommand(
  connection: NextHopConnection,
  { forwardPath, parameters }: DeliveryRecipient,
): string {
  let command = `RCPT TO:<${pathText(forwardPath)}>`;
  if (!connection.offers("DSN")) return command;
  if (parameters.notify?.length) command += ` NOTIFY=${parameters.notify.join(",")}`;
  // A type that is none (RFC 3461 4.2) could end the line; without it the address says nothing.
  if (parameters.orcpt && /^[\w.-]+;/.test(parameters.orcpt)) {
    const colon = parameters.orcpt.indexOf(";");
    // RFC 3461 4.2: the type stands as it is, the address is xtext.
    command += ` ORCPT=${parameters.orcpt.slice(0, colon + 1)}${xtext(parameters.orcpt.slice(colon + 1))}`;
  }
  return command;
}

/** For each recipient the refusal that needs no question to the next hop; undefined when there is none at all. */
export function refusalBeforehand(
  connection: NextHopConnection,
  delivery: Delivery,
  needs: ContentNeeds,
): readonly (Reply | undefined)[] | undefined {
  const whole = refusalOfAll(connection, delivery, needs);
  const refusals = delivery.recipients.map(
    ({ forwardPath }) => whole ?? refusalOfAddress(connection, forwardPath),
  );
  return refusals.some((refusal) => refusal !== undefined) ? refusals : undefined;
}

function refusalOfAll(
  connection: NextHopConnection,
  { reversePath, parameters, content }: Delivery,
  needs: ContentNeeds,
): Reply | undefined {
  // RFC 1870 6.1: no use in sending what is sure to be refused.
  if (connection.sizeMax > 0 && content.size > connection.sizeMax) return relayReplies.tooBig;
  const eightBit = parameters.body === "8BITMIME" || needs.eightBit === true;
  if (needs.utf8Header && !connection.offers("SMTPUTF8")) return relayReplies.noUtf8;
  if (eightBit && !connection.offers("8BITMIME")) return relayReplies.noEightBit;
  // RFC 8689 2: over TLS with a certificate that was checked, to a server that keeps the promise.
  const safe = connection.secure && connection.verified && connection.offers("REQUIRETLS");
  if (parameters.requireTls && !safe) return relayReplies.noRequireTls;
  return reversePath ? refusalOfAddress(connection, reversePath) : undefined;
}

function refusalOfAddress(connection: NextHopConnection, address: Address): Reply | undefined {
  const text = pathText(address);
  // A parsed path holds no controls; one with a line end would be a command of its own.
  if (/[\x00-\x1f\x7f]/.test(text)) return relayReplies.badAddress;
  return !connection.offers("SMTPUTF8") && !isAsciiText(text) ? relayReplies.noUtf8 : undefined;
}

function anyUtf8({ reversePath, recipients }: Delivery): boolean {
  if (reversePath && !isAsciiText(pathText(reversePath))) return true;
  return recipients.some(({ forwardPath }) => !isAsciiText(pathText(forwardPath)));
}

function isAsciiText(text: string): boolean {
  return !/[^\x00-\x7f]/.test(text);
}

/** RFC 3461 4: everything but printable ASCII, "+" and "=" in hexadecimal. */
export function xtext(value: string): string {
  if (/^[!-*,-<>-~]*$/.test(value)) return value;
  let encoded = "";
  for (const octet of new TextEncoder().encode(value)) {
    const plain = octet > 0x20 && octet < 0x7f && octet !== 0x2b && octet !== 0x3d;
    encoded += plain ? String.fromCharCode(octet) : `+${octet.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

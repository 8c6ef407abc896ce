/** MAIL and RCPT as they go to a next hop, with the parameters it offered, and what it can not be asked at all. */
import type { Delivery, DeliveryRecipient } from "../gateway/mod.ts";
import type { Reply } from "../mail/mod.ts";
import type { NextHopConnection } from "./next-hop-connection.ts";
import { relayReplies } from "./next-hop-reply.ts";

/** The MAIL command. Parameters that were not offered are left out. */
export function mailCommand(connection: NextHopConnection, delivery: Delivery): string {
  const { reversePath, parameters, content } = delivery;
  let command = `MAIL FROM:<${reversePath?.text ?? ""}>`;
  if (connection.offers("SIZE")) command += ` SIZE=${content.size}`;
  if (parameters.body === "8BITMIME" && connection.offers("8BITMIME")) command += " BODY=8BITMIME";
  if (connection.offers("SMTPUTF8") && (parameters.smtputf8 === true || anyUtf8(delivery)))
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
  let command = `RCPT TO:<${forwardPath.text}>`;
  if (!connection.offers("DSN")) return command;
  if (parameters.notify?.length) command += ` NOTIFY=${parameters.notify.join(",")}`;
  if (parameters.orcpt) {
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
): readonly (Reply | undefined)[] | undefined {
  const whole = refusalOfAll(connection, delivery);
  const refusals = delivery.recipients.map(
    ({ forwardPath }) => whole ?? refusalOfAddress(connection, forwardPath.text),
  );
  return refusals.some((refusal) => refusal !== undefined) ? refusals : undefined;
}

function refusalOfAll(
  connection: NextHopConnection,
  { reversePath, parameters }: Delivery,
): Reply | undefined {
  if (parameters.body === "8BITMIME" && !connection.offers("8BITMIME")) return relayReplies.noEightBit;
  // RFC 8689 2: over TLS with a certificate that was checked, to a server that keeps the promise.
  const safe = connection.secure && connection.verified && connection.offers("REQUIRETLS");
  if (parameters.requireTls && !safe) return relayReplies.noRequireTls;
  return reversePath ? refusalOfAddress(connection, reversePath.text) : undefined;
}

function refusalOfAddress(connection: NextHopConnection, text: string): Reply | undefined {
  // A parsed path holds no controls; one with a line end would be a command of its own.
  if (/[\x00-\x1f\x7f]/.test(text)) return relayReplies.badAddress;
  return !connection.offers("SMTPUTF8") && /[^\x00-\x7f]/.test(text) ? relayReplies.noUtf8 : undefined;
}

function anyUtf8({ reversePath, recipients }: Delivery): boolean {
  if (reversePath && /[^\x00-\x7f]/.test(reversePath.text)) return true;
  return recipients.some(({ forwardPath }) => /[^\x00-\x7f]/.test(forwardPath.text));
}

/** RFC 3461 4: everything but printable ASCII, "+" and "=" in hexadecimal. */
function xtext(value: string): string {
  if (/^[!-*,-<>-~]*$/.test(value)) return value;
  let encoded = "";
  for (const octet of new TextEncoder().encode(value)) {
    const plain = octet > 0x20 && octet < 0x7f && octet !== 0x2b && octet !== 0x3d;
    encoded += plain ? String.fromCharCode(octet) : `+${octet.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/**
 * Tells a next hop who our client is, by the extensions XCLIENT (the next hop takes us for the client) and XFORWARD (for
 * its log only) of Postfix, each as its XCLIENT_README and XFORWARD_README have it. Only to a next hop that offers it.
 */
import type { Delivery } from "../gateway/mod.ts";
import type { ForwardedClient } from "../pipeline/mod.ts";
import { xtext } from "./envelope-commands.ts";
import type { NextHopConnection } from "./next-hop-connection.ts";
import { shownReply } from "./next-hop-connection.ts";
import { isCode } from "./next-hop-reply.ts";
import { ask, OpenFault } from "./open-connection.ts";

/** How a next hop is told. */
export type ForwardClient = "xclient" | "xforward";

/** A domain or an address literal, to be said in a command. */
const HELLO = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?|\[[A-Za-z0-9.:-]{2,60}\])$/;

/** Octets of a value; Postfix takes no longer ones. */
const VALUE_BYTES_MAX = 255;

type Attribute = readonly [name: string, value: string | undefined];

/**
 * Tells who the client of this delivery is, before MAIL. Rejects with an {@link OpenFault}: the delivery must not go over
 * this connection then, as the next hop would take its client for another.
 */
export async function forwardClient(
  connection: NextHopConnection,
  delivery: Delivery,
  by: ForwardClient,
  signal: AbortSignal,
): Promise<void> {
  const offered = connection.keywords.get(by === "xclient" ? "XCLIENT" : "XFORWARD");
  if (offered === undefined) {
    if (connection.toldClient !== undefined) throw new OpenFault("it offers XCLIENT no more", "connection");
    return;
  }
  const names = offered.toUpperCase().split(" ");
  const abort = () => connection.end(new Error("the deadline is over"));
  signal.addEventListener("abort", abort);
  try {
    if (signal.aborted) abort();
    if (by === "xforward") await sayForward(connection, delivery, names);
    else await sayClient(connection, delivery, names);
  } catch (error) {
    if (error instanceof OpenFault) throw error;
    throw new OpenFault(error instanceof Error ? error.message : String(error), "connection");
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function sayClient(
  connection: NextHopConnection,
  delivery: Delivery,
  names: readonly string[],
): Promise<void> {
  const command = commandOf("XCLIENT", names, [...placeOf(delivery), ...helloOf(delivery)]);
  // What was told holds for the session.
  if (command === undefined || command === connection.toldClient) return;
  const reply = await ask(connection, command);
  if (!isCode(reply, 220)) {
    // A server that ends an idle connection may say so here.
    const about = reply.startsWith("421") ? "connection" : "us";
    throw new OpenFault(`XCLIENT was refused: ${shownReply(reply)}`, about);
  }
  connection.toldClient = command;
  // The session begins anew, with what the server offers to such a client. Servers hold the name of this EHLO for the
  // client's, whatever HELO= said: ours would be judged in its place.
  await connection.greetAgain?.(HELLO.test(delivery.ehlo) ? delivery.ehlo : undefined);
}

async function sayForward(
  connection: NextHopConnection,
  delivery: Delivery,
  names: readonly string[],
): Promise<void> {
  const [place, rest] = delivery.forwarded ? saidBefore(delivery, delivery.forwarded) : ofOurs(delivery);
  // RFC 5321 4.5.3.1.4: one line would be too long for some servers.
  for (const attributes of [place, rest]) {
    const command = commandOf("XFORWARD", names, attributes);
    if (command === undefined) continue;
    // It is for a log: what is answered changes nothing. With PIPELINING it leaves with MAIL.
    if (connection.offers("PIPELINING")) connection.say(command, () => {});
    else await ask(connection, command);
  }
}

type Parts = readonly [place: readonly Attribute[], rest: readonly Attribute[]];

function ofOurs(delivery: Delivery): Parts {
  const local = delivery.origin !== "smtp" && delivery.origin !== "lmtp";
  const rest: Attribute[] = [
    ...helloOf(delivery),
    ["IDENT", delivery.id],
    ["SOURCE", local ? "LOCAL" : "REMOTE"],
  ];
  return [placeOf(delivery), rest];
}

/** What we were told ourselves, with nothing of our own session among it (XFORWARD_README, note 4). */
function saidBefore(
  { id }: Delivery,
  { ip, port, name, protocol, ehlo, ident, source }: ForwardedClient,
): Parts {
  const place: Attribute[] = [
    ["NAME", name],
    ["ADDR", ip === undefined ? undefined : shownAddress(ip)],
    ["PORT", port === undefined ? undefined : String(port)],
  ];
  return [
    place,
    [
      ["PROTO", protocol],
      ["HELO", ehlo],
      ["IDENT", ident ?? id],
      ["SOURCE", source],
    ],
  ];
}

const shownAddress = (ip: string): string => (ip.includes(":") ? `IPV6:${ip}` : ip);

function placeOf({ client }: Delivery): readonly Attribute[] {
  // What a Received field names is no more than the upstream's word: the next hop is told of whom we know.
  const { ip, port } = client.via === undefined ? client : { ip: client.via, port: 0 };
  const address = ip === "" ? undefined : shownAddress(ip);
  return [
    ["NAME", undefined],
    ["ADDR", address],
    ["PORT", port === 0 ? undefined : String(port)],
  ];
}

function helloOf({ ehlo }: Delivery): readonly Attribute[] {
  return [
    ["PROTO", ehlo === "" ? undefined : "ESMTP"],
    ["HELO", ehlo === "" ? undefined : ehlo],
  ];
}

/** The command with those attributes that are offered; undefined when there are none. */
function commandOf(
  verb: string,
  names: readonly string[],
  attributes: readonly Attribute[],
): string | undefined {
  const said = attributes
    .filter(([name]) => names.includes(name))
    .map(([name, value]) => {
      const encoded = value === undefined ? "" : xtext(value);
      return `${name}=${encoded === "" || encoded.length > VALUE_BYTES_MAX ? "[UNAVAILABLE]" : encoded}`;
    });
  return said.length === 0 ? undefined : `${verb} ${said.join(" ")}`;
}

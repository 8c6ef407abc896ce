/** DNS servers on loopback: one that has the records of the material, and one that never answers. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type FakeAnswer, startFakeDns, stringBytes, TYPES } from "../../dns/fake-dns-server.ts";
import type { AuthMaterial } from "./material.ts";

/** A server that runs. */
export interface LoopbackDns {
  /** "127.0.0.1:port" */
  readonly address: string;
  close(): Promise<void>;
}

/** A character-string of TXT holds as many octets (RFC 1035 3.3). */
const STRING_OCTETS_MAX = 255;

/** Answers with the records. */
export function answeringDns({ records }: AuthMaterial): Promise<LoopbackDns> {
  const answers: { [question: string]: FakeAnswer } = {};
  for (const [name, texts] of Object.entries(records))
    answers[`${name} ${TYPES.TXT}`] = texts.map((text) => ({ type: TYPES.TXT, data: stringsOf(text) }));
  return startFakeDns(answers);
}

function stringsOf(text: string): Uint8Array {
  const strings: Uint8Array[] = [];
  for (let at = 0; at < text.length; at += STRING_OCTETS_MAX)
    strings.push(stringBytes(text.slice(at, at + STRING_OCTETS_MAX)));
  return Buffer.concat(strings);
}

/** Takes questions, and is silent. */
export async function silentDns(): Promise<LoopbackDns> {
  const socket = createSocket("udp4");
  socket.on("message", () => {});
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    address: `127.0.0.1:${socket.address().port}`,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

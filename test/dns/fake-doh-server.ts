/** A DoH server on loopback (RFC 8484) that answers with what it is told, faults of HTTP included. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type FakeAnswer, responseTo } from "./fake-dns-server.ts";

/** An answer to a question, or what is done with the request and its DNS message. */
export type FakeDohAnswer =
  | FakeAnswer
  | ((request: IncomingMessage, response: ServerResponse, message: Buffer) => void);

/** A server that runs. */
export interface FakeDohServer {
  readonly url: string;
  /** The requests as they came, in order. */
  readonly requests: readonly IncomingMessage[];
  close(): Promise<void>;
}

/** Starts one. Names that `answers` does not have, by "name TYPE-NUMBER", "name" or "*", are nxdomain. */
export async function startFakeDoh(answers: {
  readonly [question: string]: FakeDohAnswer;
}): Promise<FakeDohServer> {
  const requests: IncomingMessage[] = [];
  const server = createServer(async (request, response) => {
    requests.push(request);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const message = Buffer.concat(chunks);
    const { answer, octets } = responseTo(message, answers);
    if (typeof answer === "function") answer(request, response, message);
    else if (octets) sendDns(response, octets);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/dns-query`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Sends octets as a DNS message. */
export function sendDns(
  response: ServerResponse,
  octets: Uint8Array,
  fields: Record<string, string> = {},
): void {
  response.writeHead(200, { "content-type": "application/dns-message", ...fields }).end(octets);
}

/**
 * The engine with the services that Node gives it (its cryptography, content in memory), and neither sockets, log nor
 * files of traces: hooks run as they do in the gateway, and what else one costs is left out.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Address,
  defineGateway,
  isPathFault,
  mailbox,
  type Pipeline,
  parsePath,
  type Resolver,
  resolveConfig,
} from "postern";
import {
  createGateway,
  createMemoryStore,
  memoryTraces,
  type NextHopDriver,
} from "../../../core/gateway/mod.ts";
import { createContentStore, nodeCrypto, systemClock, systemRandom } from "../../../core/store/mod.ts";
import { CLIENT_EHLO, RECIPIENT, SENDER } from "./material.ts";

/** Passes messages through on one session that is kept. */
export interface PlainHost {
  /** @throws Error when the message is not accepted */
  pass(content: Uint8Array): Promise<void>;
  /** What the next hop got of the first message, one character an octet. */
  first(): string;
}

/** Makes one. @param clientIp 127.0.0.1 is in a trusted network, others are not */
export async function plainHost(pipeline: Pipeline, dns: Resolver, clientIp: string): Promise<PlainHost> {
  const config = defineGateway({
    hostName: "gateway.example",
    domains: ["rcpt.example"],
    nextHops: { sink: mailbox() },
    pipeline,
  } as Parameters<typeof defineGateway>[0]);
  const effective = await resolveConfig(config, {}, { durableSpool: false });
  const folder = mkdtempSync(join(tmpdir(), "postern-bench-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const kept: Uint8Array[] = [];
  const gateway = createGateway(effective, {
    clock: systemClock,
    random: systemRandom,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    dns,
    fetch: async () => Promise.reject(new Error("no network")),
    store: createMemoryStore(systemClock),
    crypto: nodeCrypto,
    contents: createContentStore({ folder }),
    traces: memoryTraces(1),
    nextHops: new Map([["sink", takingNextHop(kept)]]),
  });
  const session = gateway.openSession({
    origin: "smtp",
    listener: { name: "relay", kind: "relay", address: "127.0.0.1" },
    client: { ip: clientIp, port: 40_000 },
    local: "127.0.0.1:25",
  });
  await session.connect();
  await session.ehlo(CLIENT_EHLO);
  const [reversePath, forwardPath] = [addressOf(SENDER), addressOf(RECIPIENT)];
  return {
    async pass(content) {
      await session.mail(reversePath, {});
      await session.rcpt(forwardPath, {});
      const receiver = session.receive();
      await receiver.write(content);
      const { answer } = await receiver.end();
      if (answer.kind !== "accepted") throw new Error(`not accepted: ${answer.enhanced} ${answer.text}`);
    },
    first: () => Buffer.concat(kept).toString("latin1"),
  };
}

/** Reads what it is given, and takes it. */
function takingNextHop(kept: Uint8Array[]): NextHopDriver {
  let isFirst = true;
  return {
    description: "a sink",
    async deliver({ recipients, content }, { proceed }) {
      proceed(recipients.map(() => "accepted"));
      for await (const chunk of content.read()) if (isFirst) kept.push(chunk.slice());
      isFirst = false;
      const reply = { code: 250, enhanced: "2.0.0", text: "taken" } as const;
      return { recipients: recipients.map(() => ({ status: "delivered", reply })), ended: "reply" };
    },
    extensions: () => ({ eightBitMime: true, smtputf8: true, dsn: true, requireTls: true }),
    async probe() {},
    async close() {},
  };
}

function addressOf(text: string): Address {
  const parsed = parsePath(`<${text}>`);
  if (isPathFault(parsed)) throw new TypeError(`'${text}' is no address`);
  return parsed;
}

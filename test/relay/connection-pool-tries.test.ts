/** How many servers a pool tries for one connection, for how long each, and that they may move. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { ConnectionPool, type PoolOptions } from "../../core/relay/connection-pool.ts";
import type { ConnectionOptions } from "../../core/relay/open-connection.ts";
import { clock, recordingLog } from "./relay-fixtures.ts";
import { type Script, type Sink, startSink } from "./sink-server.ts";

const signal = new AbortController().signal;
/** Takes the connection and never greets. */
const silent: Script = (command) => (command === "GREETING" ? "" : undefined);

const serverOf = ({ port }: Sink): ConnectionOptions => ({
  ...{ host: "127.0.0.1", port, hostName: "gw.example", implicitTls: false, startTls: "none" },
  ...{ verify: false, auth: undefined, connectTimeoutMs: 2_000, replyTimeoutMs: 60_000 },
});

async function open(
  context: TestContext,
  scripts: readonly (Script | undefined)[],
  options: Partial<PoolOptions>,
) {
  const sinks = await Promise.all(scripts.map((script) => startSink(script)));
  const log = recordingLog();
  const pool = new ConnectionPool({
    ...{ nextHop: "out", servers: sinks.map(serverOf), clearOnHandshakeFault: false, connectionsMax: 2 },
    ...{ transactionsMax: 10, lifeMs: 60_000, waitMs: 1_000, clock, log },
    ...options,
  });
  context.after(async () => {
    await pool.close();
    await Promise.all(sinks.map((sink) => sink.close()));
  });
  return { pool, sinks, log };
}

describe("ConnectionPool", () => {
  it("goes on to the next server where one is silent for tryMs, and passes that over", async (context) => {
    const { pool, sinks } = await open(context, [silent, undefined], { tryMs: 150 });
    const connection = await pool.acquire(signal, true);
    assert.equal(connection.server, `127.0.0.1:${sinks[1]?.port}`);
    const second = await pool.acquire(signal, true);
    assert.equal(second.server, connection.server);
    assert.equal(sinks[0]?.connections(), 1);
    for (const one of [connection, second]) one.quit();
  });

  it("tries triesMax servers, and tells of all their faults", async (context) => {
    const refusing: Script = (command) => (command === "GREETING" ? "554 not you" : undefined);
    const { pool, sinks, log } = await open(context, [refusing, refusing, undefined], { triesMax: 2 });
    await assert.rejects(pool.acquire(signal, true), /554 not you; .*554 not you$/);
    assert.deepEqual(
      sinks.map((sink) => sink.connections()),
      [1, 1, 0],
    );
    assert.deepEqual(log.errors, ["nextHopRefusesUs", "nextHopRefusesUs"]);
    assert.equal(pool.empty, true);
  });

  it("by refusalLevel warn has no error for the log where a server refuses us", async (context) => {
    const refusing: Script = (command) => (command === "GREETING" ? "554 not you" : undefined);
    const { pool, log } = await open(context, [refusing], { refusalLevel: "warn" });
    await assert.rejects(pool.acquire(signal, true), /554 not you/);
    assert.deepEqual(log.errors, []);
  });

  it("opens new connections where the servers moved to", async (context) => {
    const { pool, sinks } = await open(context, [undefined, undefined], {});
    pool.move([...sinks].reverse().map(serverOf));
    const connection = await pool.acquire(signal, true);
    assert.equal(connection.server, `127.0.0.1:${sinks[1]?.port}`);
    assert.equal(pool.empty, false);
    connection.quit();
  });
});

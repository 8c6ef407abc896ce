/** connectFirst, on addresses of loopback of which some have a server. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, it } from "node:test";
import { connectFirst } from "../../core/relay/connect-first.ts";
import { startSink } from "./sink-server.ts";

const signal = new AbortController().signal;

/** Connections that a system completes for a stopped server with a backlog of 1, and one more. */
const FILLED = 3;

/** An address at which connecting goes on for ever: the server behind it is stopped, and its queue is full. */
async function startHanging(host: string, port: number): Promise<{ end(): Promise<void> }> {
  const code = `require("node:net").createServer().listen({ host: "${host}", port: ${port}, backlog: 1 }, () => console.log("up"))`;
  const child = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  child.kill("SIGSTOP");
  const filling: Socket[] = Array.from({ length: FILLED }, () => connect(port, host));
  for (const socket of filling) socket.on("error", () => undefined);
  await Promise.all(filling.slice(0, FILLED - 1).map((socket) => once(socket, "connect")));
  return {
    async end() {
      for (const socket of filling) socket.destroy();
      const ended = once(child, "close");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

describe("connectFirst", () => {
  it("takes the first address that answers, and opens no other", async (context) => {
    const sink = await startSink();
    context.after(() => sink.close());
    const addresses = ["127.0.0.9", "127.0.0.8", "127.0.0.1", "127.0.0.1"];
    const { socket, address } = await connectFirst({ addresses, port: sink.port, timeoutMs: 2_000 }, signal);
    assert.equal(address, "127.0.0.1");
    assert.equal(socket.remoteAddress, "127.0.0.1");
    // Read to its end: octets left behind would reset the connection.
    socket.resume().end();
    await sink.ended();
    assert.equal(sink.connections(), 1);
  });

  it("tries the next address while one does not answer (RFC 8305 5), and gives up in time", async (context) => {
    if (process.platform !== "linux") return context.skip("only Linux leaves a full queue without an answer");
    const sink = await startSink();
    const hanging = await startHanging("127.0.0.2", sink.port);
    context.after(async () => {
      await hanging.end();
      await sink.close();
    });
    const { port } = sink;
    const addresses = ["127.0.0.2", "127.0.0.1"];
    const { socket, address } = await connectFirst({ addresses, port, timeoutMs: 10_000 }, signal);
    assert.equal(address, "127.0.0.1");
    socket.resume().end();
    await sink.ended();
    await assert.rejects(
      connectFirst({ addresses: ["127.0.0.2"], port, timeoutMs: 300 }, signal),
      /the connection was not there in time/,
    );
  });

  it("rejects with the fault of each address where none answers", async () => {
    const sink = await startSink();
    await sink.close();
    const addresses = ["127.0.0.1", "127.0.0.9"];
    await assert.rejects(
      connectFirst({ addresses, port: sink.port, timeoutMs: 2_000 }, signal),
      new RegExp(`ECONNREFUSED 127\\.0\\.0\\.1:${sink.port}, .*ECONNREFUSED 127\\.0\\.0\\.9:${sink.port}`),
    );
  });

  it("connects to nobody once the signal aborted, and stops when it does", async (context) => {
    const sink = await startSink();
    context.after(() => sink.close());
    const options = { addresses: ["127.0.0.1"], port: sink.port, timeoutMs: 2_000 };
    await assert.rejects(connectFirst(options, AbortSignal.abort()), /the deadline is over/);
    const stop = new AbortController();
    const connecting = connectFirst(options, stop.signal);
    stop.abort();
    await assert.rejects(connecting, /the deadline is over/);
    await sink.ended();
  });

  it("outlives a socket that fails after it won", async (context) => {
    const sink = await startSink();
    context.after(() => sink.close());
    const options = { addresses: ["127.0.0.1"], port: sink.port, timeoutMs: 2_000 };
    const { socket } = await connectFirst(options, signal);
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.destroy(new Error("reset"));
    await closed;
  });
});

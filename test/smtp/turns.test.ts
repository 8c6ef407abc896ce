/** Turns of clients that send many commands at once: nobody else waits for all of them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { GatewayStream } from "../../core/smtp/gateway-stream.ts";
import { atTurnEnd, inTurn } from "../../core/smtp/turns.ts";

const LINES = Buffer.from("NOOP\r\n".repeat(1_000));
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("GatewayStream", () => {
  for (const { name, answer } of [
    { name: "at once", answer: (done: () => void) => done() },
    { name: "later", answer: (done: () => void) => void Promise.resolve().then(done) },
  ]) {
    it(`runs ten commands of a chunk before others get their turn, where they are done ${name}`, async () => {
      const parser = new GatewayStream({});
      let count = 0;
      parser.oncommand = (_command, done) => {
        count += 1;
        answer(done ?? (() => {}));
      };
      parser.write(LINES);
      await Promise.resolve();
      await new Promise<void>((resolve) => process.nextTick(resolve));
      assert.equal(count, 10);
      while (count < 1_000) {
        const before = count;
        await nextTurn();
        assert.ok(count > before);
      }
      assert.equal(count, 1_000);
    });
  }
});

describe("inTurn()", () => {
  it("runs turns in the order they were asked for, also those that others ask for meanwhile", async () => {
    const order: string[] = [];
    inTurn(() => {
      order.push("a");
      inTurn(() => order.push("a again"));
    });
    inTurn(() => order.push("b"));
    while (order.length < 3) await nextTurn();
    assert.deepEqual(order, ["a", "b", "a again"]);
  });

  it("leaves the event loop to others when turns take their time", async () => {
    const busy = () => {
      const until = performance.now() + 2;
      while (performance.now() < until);
    };
    let run = 0;
    for (let i = 0; i < 20; i += 1) {
      inTurn(() => {
        busy();
        run += 1;
      });
    }
    await nextTurn();
    assert.ok(run < 20);
    while (run < 20) await nextTurn();
  });
});

describe("atTurnEnd()", () => {
  it("runs what was asked for in this turn, in order, after all that is at hand, and what that asks for in the next", async () => {
    const order: string[] = [];
    atTurnEnd(() => {
      order.push("a");
      atTurnEnd(() => order.push("a again"));
    });
    atTurnEnd(() => order.push("b"));
    process.nextTick(() => order.push("tick"));
    await Promise.resolve().then(() => order.push("microtask"));
    await nextTurn();
    assert.deepEqual(order.slice(0, 2).sort(), ["microtask", "tick"]);
    assert.deepEqual(order.slice(2), ["a", "b"]);
    await nextTurn();
    assert.deepEqual(order.slice(4), ["a again"]);
  });
});

/** Envelope changes of hooks. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, type HookSubject, makeAddress, runHook } from "postern";
import { benchFor, slotOf } from "./fakes.ts";

describe("envelope changes of hooks", () => {
  const operations: HookSubject["envelopeEdits"] = (into) =>
    Object.fromEntries(
      ["rewriteRecipient", "expandRecipient", "addRecipient", "setReversePath"].map((name) => [
        name,
        (what: unknown, reason: string) => void into.push([name, what, reason]),
      ]),
    );
  const change = async (name: string, ...args: readonly unknown[]) => {
    const bench = benchFor("route", { more: { envelopeEdits: operations } });
    const plugin = definePlugin({
      name: "p",
      edits: ["envelope"],
      route(ctx) {
        (ctx as unknown as { [name: string]: (...args: readonly unknown[]) => void })[name]?.(...args);
      },
    });
    return runHook(slotOf(plugin), "route", bench.subject);
  };
  const bob = makeAddress("bob", "example.org");

  it("are recorded in order with their reasons", async () => {
    assert.deepEqual((await change("rewriteRecipient", bob, "r")).envelope, [["rewriteRecipient", bob, "r"]]);
    assert.deepEqual((await change("expandRecipient", [bob], "r")).envelope, [
      ["expandRecipient", [bob], "r"],
    ]);
    assert.deepEqual((await change("setReversePath", null, "r")).envelope, [["setReversePath", null, "r"]]);
  });

  for (const { name, method, args, want } of [
    { name: "a text", method: "rewriteRecipient", args: ["bob@example.org", "r"], want: /takes an address/ },
    { name: "nothing", method: "addRecipient", args: [], want: /takes an address/ },
    { name: "null as recipient", method: "rewriteRecipient", args: [null, "r"], want: /takes an address/ },
    {
      name: "an address whose text is another one",
      method: "rewriteRecipient",
      args: [{ ...bob, text: "eve@example.org" }, "r"],
      want: /takes an address/,
    },
    {
      name: "an address with a line end",
      method: "setReversePath",
      args: [{ ...bob, text: "bob@example.org>\r\nRCPT TO:<eve@example.org", domain: "x" }, "r"],
      want: /takes an address/,
    },
    { name: "one address to expand", method: "expandRecipient", args: [bob, "r"], want: /takes a list/ },
    { name: "nobody to expand to", method: "expandRecipient", args: [[], "r"], want: /takes a list/ },
    {
      name: "too many to expand to",
      method: "expandRecipient",
      args: [new Array(10_001).fill(bob), "r"],
      want: /takes a list of 1 to 10000/,
    },
    { name: "no reason", method: "rewriteRecipient", args: [bob], want: /takes a reason last/ },
  ]) {
    it(`${method}() with ${name} is a fault of the hook`, async () => {
      const outcome = await change(method, ...args);
      assert.match(outcome.fault ?? "no fault", want);
      assert.deepEqual(outcome.envelope, []);
    });
  }
});

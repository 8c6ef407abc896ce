/** Who decided, read from records as the engine writes them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decidingStep } from "../../core/http/deciding-step.ts";
import type { TraceEntry, TraceHookRun, TraceRecord } from "../../core/pipeline/mod.ts";
import { record } from "./fakes.ts";

const run = (plugin: string, more: Partial<TraceHookRun> = {}): TraceEntry => ({
  stage: "data",
  plugin,
  at: 1,
  ms: 1,
  ...more,
});
const refusing = (plugin: string, enhanced: string, text: string, more: Partial<TraceHookRun> = {}) =>
  run(plugin, { verdict: { verdict: enhanced[0] === "5" ? "reject" : "tempfail", enhanced, text }, ...more });
const note = (event: string): TraceEntry => ({ at: 2, event, detail: "" });
const reply = (code: number, enhanced: string, text: string) => ({
  code,
  enhanced,
  text: `${text} (ref a1)`,
});
const refused = reply(550, "5.7.1", "Not here");
const deferred = reply(451, "4.7.1", "Later");

const cases: readonly {
  readonly name: string;
  readonly outcome: TraceRecord["outcome"];
  readonly reply?: TraceRecord["reply"];
  readonly entries: readonly TraceEntry[];
  readonly want: unknown;
}[] = [
  {
    name: "the next hop that took it, though a RCPT was refused before",
    outcome: "accepted",
    entries: [refusing("doorman", "5.1.1", "Nobody", { stage: "rcpt" }), run("routes"), note("delivery")],
    want: { nextHop: "local", at: 2 },
  },
  {
    name: "the last of two attempts",
    outcome: "deferred",
    reply: deferred,
    entries: [note("delivery"), note("delivery")],
    want: { nextHop: "local", at: 1 },
  },
  {
    name: "the plugin that took it away",
    outcome: "accepted",
    entries: [run("a"), run("hole", { verdict: { verdict: "discard", text: "junk" } })],
    want: { plugin: "hole", stage: "data", at: 1 },
  },
  {
    name: "the plugin whose words the reply has, among several that refused",
    outcome: "refused",
    reply: refused,
    entries: [
      refusing("first", "5.1.1", "Nobody", { stage: "rcpt" }),
      refusing("second", "5.7.1", "Not here"),
    ],
    want: { plugin: "second", stage: "data", at: 1 },
  },
  {
    name: "the plugin that put off, where another refused",
    outcome: "deferred",
    reply: deferred,
    entries: [refusing("first", "5.7.1", "Not here"), refusing("second", "4.7.1", "Later")],
    want: { plugin: "second", stage: "data", at: 1 },
  },
  {
    name: "a fault that onError made a refusal",
    outcome: "refused",
    reply: reply(550, "5.3.0", "The message can not be processed"),
    entries: [
      run("skipped", { fault: { message: "x", onError: "skip" } }),
      run("broken", { fault: { message: "x", onError: "reject" } }),
    ],
    want: { plugin: "broken", stage: "data", at: 1 },
  },
  {
    name: "a fault in delivery, which can only put off",
    outcome: "deferred",
    reply: reply(451, "4.3.0", "Temporary failure"),
    entries: [run("sign", { stage: "delivery", fault: { message: "x", onError: "reject" } })],
    want: { plugin: "sign", stage: "delivery", at: 0 },
  },
  {
    name: "a disconnect in the words of the reply",
    outcome: "deferred",
    reply: reply(421, "4.7.0", "Bye"),
    entries: [
      run("door", { stage: "mail", verdict: { verdict: "disconnect", enhanced: "4.7.0", text: "Bye" } }),
    ],
    want: { plugin: "door", stage: "mail", at: 0 },
  },
  {
    name: "not the AUTH that failed before one that did not",
    outcome: "refused",
    reply: reply(550, "5.1.2", "No route to this recipient"),
    entries: [refusing("smtpAuth", "5.7.8", "Wrong", { stage: "auth" }), run("routes", { stage: "route" })],
    want: undefined,
  },
  {
    name: "the engine that keeps the door shut",
    outcome: "aborted",
    entries: [note("relayRefused")],
    want: { engine: "relayRefused", at: 0 },
  },
  {
    name: "the engine that heard from the next hop that there is no such recipient",
    outcome: "aborted",
    entries: [note("verifyRecipient"), note("recipientUnknown")],
    want: { engine: "recipientUnknown", at: 1 },
  },
  {
    name: "the engine that found no route",
    outcome: "refused",
    reply: reply(550, "5.1.2", "No route to this recipient"),
    entries: [note("noRoute"), note("fold")],
    want: { engine: "noRoute", at: 0 },
  },
  {
    name: "the engine that could not take the content in, rather than its fold",
    outcome: "refused",
    reply: reply(552, "5.3.4", "Too large"),
    entries: [note("fold"), note("contentRefused")],
    want: { engine: "contentRefused", at: 1 },
  },
  {
    name: "the plugin that put the only recipient off",
    outcome: "aborted",
    entries: [refusing("greylist", "4.7.1", "Later", { stage: "rcpt" })],
    want: { plugin: "greylist", stage: "rcpt", at: 0 },
  },
  {
    name: "the plugin that marked single recipients",
    outcome: "refused",
    reply: refused,
    entries: [run("marker", { verdict: { verdict: "forRecipients" } })],
    want: { plugin: "marker", stage: "data", at: 0 },
  },
  {
    name: "nobody where the entries are gone",
    outcome: "refused",
    reply: refused,
    entries: [],
    want: undefined,
  },
];

for (const { name, want, outcome, reply, entries } of cases) {
  test(`decidingStep finds ${name}`, () => {
    const { reply: _, ...base } = record("a1", { outcome, entries });
    const step = decidingStep(reply ? { ...base, reply } : base);
    assert.deepEqual(step && { ...step.decidedBy, at: step.index }, want);
  });
}

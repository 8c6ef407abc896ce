import assert from "node:assert/strict";
import { test } from "node:test";
import { routes } from "../../../plugins/route/routes.ts";
import { path, runHook } from "../fakes.ts";

const plugin = routes([
  { recipient: "gone@one.example", reject: { enhanced: "5.1.6", text: "Moved" } },
  { recipient: "*@one.example", nextHop: "inside" },
  { recipient: "x@one.example", nextHop: "other" },
]);
const ctx = (local: string, domain: string) => ({
  envelope: { reversePath: null },
  recipient: { forwardPath: path(local, domain) },
  client: { ip: "192.0.2.1" },
});

test("routes takes the first match, at RCPT and in route, and none where nothing matches", async () => {
  assert.deepEqual(plugin.definition.envelopeRoute?.(ctx("x", "one.example") as never), {
    nextHop: "inside",
  });
  assert.equal(plugin.definition.envelopeRoute?.(ctx("x", "two.example") as never), "none");
  assert.equal(
    ((await runHook(plugin, "route", ctx("x", "one.example"))) as { nextHop: string }).nextHop,
    "inside",
  );
  assert.equal(
    ((await runHook(plugin, "rcpt", ctx("gone", "one.example"))) as { enhanced: string }).enhanced,
    "5.1.6",
  );
});

test("routes tells a route that is never reached and a domain without a route", () => {
  const lines = plugin.definition.check?.({ domains: ["one.example", "two.example"], nextHops: [] }) ?? [];
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? "", /routes\[2\] is never reached/);
  assert.match(lines[1] ?? "", /two\.example/);
});

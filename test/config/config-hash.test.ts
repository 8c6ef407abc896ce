/** The hash that names a config: the same for the same, another for another, and nothing of a secret in it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mailbox, smtp } from "../../core/config/mod.ts";
import { definePlugin, pipeline, routeTo } from "../../core/pipeline/mod.ts";
import { good, resolveLoose } from "./resolve-fixtures.ts";

/** As `router`, but for a name, and but for what a function does. */
const otherRouters = [
  definePlugin({ name: "other", routes: true, nextHops: ["backend"], route: () => routeTo("backend") }),
  definePlugin({ name: "other", routes: true, nextHops: ["backend"], route: () => undefined }),
] as const;
describe("the hash of resolveConfig", () => {
  const hashOf = async (input: unknown) => (await resolveLoose(input)).hash;

  it("is the same for the same config in another order and form, another for another", async () => {
    const base = await hashOf(good);
    for (const same of [
      { ...good },
      { nextHops: good.nextHops, pipeline: good.pipeline },
      { ...good, deadline: "2m" },
    ]) {
      assert.equal(await hashOf(same), base);
    }
    const others = [
      { ...good, deadline: "30s" },
      { ...good, domains: "example.com" },
      { ...good, nextHops: { backend: mailbox({ folder: "other" }) } },
      { ...good, pipeline: pipeline(otherRouters[0]) },
      { ...good, pipeline: pipeline(otherRouters[1]) },
    ];
    const hashes = await Promise.all(others.map(hashOf));
    assert.equal(new Set([base, ...hashes]).size, others.length + 1, hashes.join(" "));
  });

  it("holds no password", async () => {
    const hop = (password: string) => ({
      ...good,
      nextHops: { backend: smtp({ host: "127.0.0.1", auth: { user: "ann", password } }) },
    });
    assert.equal(await hashOf(hop("a")), await hashOf(hop("b")));
  });
});

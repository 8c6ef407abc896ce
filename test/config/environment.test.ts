/** The environment of a config: what is empty counts as not set, and a faulty value names its variable. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Environment, smtp } from "../../core/config/mod.ts";
import { good, linesOf, resolveLoose } from "./resolve-fixtures.ts";

describe("resolveConfig, of the environment,", () => {
  const ofEnv = (input: (env: Environment) => object, env: Environment) => linesOf(input, {}, env);

  it("takes an empty POSTERN_ variable for one that is not there, and leaves others", async () => {
    let seen: Environment = {};
    const env = { POSTERN_SMTP: "", POSTERN_DATA: "d", OTHER: "" };
    const input = (given: Environment) => {
      seen = given;
      return good;
    };
    await resolveLoose(input, {}, env);
    assert.equal("POSTERN_SMTP" in seen, false);
    assert.deepEqual({ ...seen }, { POSTERN_DATA: "d", OTHER: "" });
    assert.deepEqual(env, { POSTERN_SMTP: "", POSTERN_DATA: "d", OTHER: "" });
  });

  it("names the variable that a faulty value came from", async () => {
    const lines = await ofEnv((env) => ({ ...good, deadline: env.LIMIT, http: env.PAGE }), {
      LIMIT: "soon",
      PAGE: "x",
    });
    assert.match(lines[0] ?? "", /^http: .*; the value is that of PAGE$/);
    assert.match(lines[1] ?? "", /^deadline: .*; the value is that of LIMIT$/);
  });

  it("names none that the config did not read, or where two had the value", async () => {
    const [unread = ""] = await ofEnv(() => ({ ...good, deadline: "soon" }), { LIMIT: "soon" });
    assert.doesNotMatch(unread, /LIMIT/);
    const [twice = ""] = await ofEnv((env) => ({ ...good, deadline: env.A ?? env.B, data: env.B }), {
      A: "soon",
      B: "soon",
    });
    assert.doesNotMatch(twice, /the value is/);
  });

  it("names the variable of a password and not its value", async () => {
    const lines = await ofEnv(
      (env) => ({ ...good, nextHops: { backend: smtp({ host: "a.example", auth: env.LOGIN } as never) } }),
      { LOGIN: "ann:hunter2" },
    );
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", /^nextHops\.backend\.auth: .*; the value is that of LOGIN$/);
    assert.doesNotMatch(lines[0] ?? "", /hunter2/);
  });

  it("rejects with what a config function throws, and awaits an async one", async () => {
    const boom = new Error("the vault is closed");
    await assert.rejects(
      resolveLoose(async () => {
        throw boom;
      }),
      boom,
    );
    assert.equal((await resolveLoose(async () => good)).deadlineMs, 120_000);
  });
});

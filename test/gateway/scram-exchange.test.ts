/** SCRAM as the engine sees it: whom a client may prove to be, and when it is. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  definePlugin,
  fact,
  identify,
  identifyByProof,
  type Plugin,
  pipeline,
  reject,
  routeTo,
  type ScramKeys,
  scramKeysOf,
  scramProof,
  tempfail,
  z,
} from "postern";
import type { Answer, ScramChallenge, Services } from "../../core/gateway/mod.ts";
import { openBed, short } from "./engine-bed.ts";

const COST = { iterations: 4096, saltBytes: 16 };
const routes = definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });
const keys = await scramKeysOf("secret", { salt: new Uint8Array(16).fill(7), iterations: 4096 });
const accounts = definePlugin({
  name: "accounts",
  scram: COST,
  auth: ({ attempt }) =>
    attempt.user === "ann"
      ? identifyByProof(keys, { user: "ann" })
      : reject("5.7.8", "there is no such user"),
});
type AuthPlugin = Plugin<never, never, false>;

const open = async (plugin: AuthPlugin, services: Partial<Services> = {}) => {
  const bed = await openBed({ pipeline: pipeline(plugin, routes), services });
  return { bed, session: bed.open() };
};
const challengeOf = (given: ScramChallenge | Answer): ScramChallenge =>
  "kind" in given ? assert.fail(`${short(given)} in place of a challenge`) : given;
const proofOf = async (password: string, challenge: ScramChallenge, message = "m") =>
  (await scramProof(password, challenge, message)).proof;
const refusal = (given: Uint8Array | Answer): string => ("kind" in given ? short(given) : "a signature");

describe("GatewaySession.scram()", () => {
  it("makes a client who it is once its proof is right and it has taken ours, and not before", async () => {
    const { bed, session } = await open(accounts);
    assert.deepEqual([bed.gateway.offersScram, bed.gateway.authenticates], [true, true]);
    const challenge = challengeOf(await session.scram("ann"));
    const { proof, serverSignature } = await scramProof("secret", challenge, "m");
    const signature = await challenge.prove("m", proof);
    assert.deepEqual(signature, serverSignature);
    assert.equal(session.identity, undefined);
    assert.equal(challenge.accept().kind, "goOn");
    assert.deepEqual(session.identity, { user: "ann" });
  });

  for (const { name, password = "secret", message = "m" } of [
    { name: "another password", password: "Secret" },
    { name: "no password", password: "" },
    { name: "another exchange", message: "m2" },
  ])
    it(`refuses a proof of ${name} with 535 5.7.8`, async () => {
      const { session } = await open(accounts);
      const challenge = challengeOf(await session.scram("ann"));
      assert.equal(
        refusal(await challenge.prove("m", await proofOf(password, challenge, message))),
        "535 5.7.8",
      );
      assert.equal(short(challenge.accept()), "535 5.7.8");
      assert.equal(session.identity, undefined);
    });

  it("judges one proof of an exchange: who guesses needs a new one", async () => {
    const { session } = await open(accounts);
    const challenge = challengeOf(await session.scram("ann"));
    await challenge.prove("m", new Uint8Array(32));
    assert.equal(refusal(await challenge.prove("m", await proofOf("secret", challenge))), "535 5.7.8");
    assert.equal(short(challenge.accept()), "535 5.7.8");
    assert.equal(session.identity, undefined);
  });

  it("takes no consent before a proof, and none twice", async () => {
    const { session } = await open(accounts);
    const early = challengeOf(await session.scram("ann"));
    assert.equal(short(early.accept()), "535 5.7.8");
    assert.equal(refusal(await early.prove("m", await proofOf("secret", early))), "535 5.7.8");
    const challenge = challengeOf(await session.scram("ann"));
    await challenge.prove("m", await proofOf("secret", challenge));
    assert.equal(challenge.accept().kind, "goOn");
    assert.equal(short(challenge.accept()), "535 5.7.8");
    assert.deepEqual(session.identity, { user: "ann" });
  });

  for (const [name, between] of [
    ["another exchange", (session) => session.scram("bob")],
    ["another attempt", (session) => session.auth({ mechanism: "PLAIN", user: "ann", password: "x" })],
    ["TLS", (session) => session.startedTls({ protocol: "TLSv1.3", cipher: "x" })],
  ] as readonly [string, (session: Awaited<ReturnType<typeof open>>["session"]) => unknown][])
    it(`is void after ${name}`, async () => {
      const { session } = await open(accounts);
      const challenge = challengeOf(await session.scram("ann"));
      await challenge.prove("m", await proofOf("secret", challenge));
      await between(session);
      assert.equal(short(challenge.accept()), "535 5.7.8");
      assert.equal(session.identity, undefined);
    });

  it("takes an identity back when a later exchange begins", async () => {
    const { session } = await open(accounts);
    const challenge = challengeOf(await session.scram("ann"));
    await challenge.prove("m", await proofOf("secret", challenge));
    challenge.accept();
    await session.scram("ann");
    assert.equal(session.identity, undefined);
  });
});

describe("a user that nobody knows", () => {
  it("is asked like others, always the same, and refused like others whatever its proof", async () => {
    const secret = () => new Uint8Array(32).fill(3);
    const ask = async (user: string, services: Partial<Services> = { secret }) =>
      challengeOf(await (await open(accounts, services)).session.scram(user));
    const challenge = await ask("bob");
    assert.deepEqual([challenge.iterations, challenge.salt.length], [4096, 16]);
    // Another session, another gateway of the same secret.
    assert.deepEqual((await ask("bob")).salt, challenge.salt);
    assert.notDeepEqual((await ask("carl")).salt, challenge.salt);
    assert.notDeepEqual(
      (await ask("bob", { secret: () => new Uint8Array(32).fill(4) })).salt,
      challenge.salt,
    );
    assert.notDeepEqual((await ask("bob", {})).salt, challenge.salt);
    for (const password of ["", "secret"]) {
      const again = await ask("bob");
      const answer = await again.prove("m", await proofOf(password, again));
      const known = await ask("ann");
      assert.deepEqual(answer, await known.prove("m", new Uint8Array(32)));
    }
  });

  it("is not let in by keys that can be worked out without the secret", async () => {
    const { session } = await open(accounts, { secret: () => new Uint8Array(32).fill(3) });
    const challenge = challengeOf(await session.scram("bob"));
    for (const octets of [new Uint8Array(32), new Uint8Array(32).fill(255), challenge.salt])
      assert.equal(refusal(await challenge.prove("m", octets)), "535 5.7.8");
    assert.equal(short(challenge.accept()), "535 5.7.8");
  });

  it("is asked for a salt as long as others have", async () => {
    for (const saltBytes of [8, 24, 32, 33, 64]) {
      const plugin = definePlugin({ name: "p", scram: { ...COST, saltBytes }, auth: () => undefined });
      const { session } = await open(plugin);
      const { salt } = challengeOf(await session.scram("bob"));
      assert.equal(salt.length, saltBytes);
      assert.ok(new Set(salt).size > 4, "it looks random");
      if (saltBytes === 64)
        assert.notDeepEqual(salt.slice(32), salt.slice(0, 32), "it does not repeat itself");
    }
  });
});

describe("plugins of SCRAM", () => {
  it("see no password, and others are not asked at all", async () => {
    const seen: object[] = [];
    const other = definePlugin({
      name: "other",
      auth: ({ attempt }) => (attempt.password === "" ? identify({ user: "anybody" }) : undefined),
    });
    const own = definePlugin({
      name: "own",
      scram: COST,
      auth: ({ attempt }) => {
        seen.push(attempt);
        return identifyByProof(keys, { user: attempt.user });
      },
    });
    const bed = await openBed({ pipeline: pipeline(other, own, routes) });
    const session = bed.open();
    challengeOf(await session.scram("ann"));
    assert.deepEqual(seen, [{ mechanism: "SCRAM-SHA-256", user: "ann", password: "" }]);
    assert.equal(session.identity, undefined);
  });

  for (const [name, plugin, want] of [
    [
      "puts it off",
      definePlugin({ name: "p", scram: COST, auth: () => tempfail("4.7.0", "later") }),
      "451 4.7.0",
    ],
    [
      "identifies without proof",
      definePlugin({ name: "p", scram: COST, auth: () => identify({ user: "ann" }) }),
      "451 4.3.0",
    ],
    [
      "has no keys",
      definePlugin({
        name: "p",
        scram: COST,
        auth: () => identifyByProof({} as ScramKeys, { user: "ann" }),
      }),
      "451 4.3.0",
    ],
    ["does not declare it", definePlugin({ name: "p", auth: () => identify({ user: "ann" }) }), "535 5.7.8"],
  ] as const)
    it(`end an attempt with ${want} where one ${name}`, async () => {
      const { session, bed } = await open(plugin as AuthPlugin);
      const answer = await session.scram("ann");
      assert.equal("kind" in answer && short(answer), want);
      assert.equal(session.identity, undefined);
      assert.equal(bed.gateway.offersScram, name !== "does not declare it");
    });

  it("can not identify by proof who sent a password", async () => {
    const plugin = definePlugin({
      name: "p",
      scram: COST,
      auth: () => identifyByProof(keys, { user: "ann" }),
    });
    const { session } = await open(plugin);
    const attempt = { mechanism: "PLAIN", user: "ann", password: "secret" };
    assert.equal(short(await session.auth(attempt)), "451 4.3.0");
    assert.equal(session.identity, undefined);
  });

  it("are believed with their facts once the client is authenticated, and not before", async () => {
    const Group = fact("group", {
      stage: "auth",
      scope: "session",
      schema: z.string(),
      fallback: "nobody",
    });
    const plugin = definePlugin({
      name: "groups",
      scram: COST,
      provides: [Group],
      auth(ctx) {
        ctx.provide(Group, "staff");
        return identifyByProof(keys, { user: "ann" });
      },
    });
    const seen: string[] = [];
    const reader = definePlugin({
      name: "reader",
      reads: [Group],
      mail: (ctx) => void seen.push(ctx.fact(Group)),
    });
    const bed = await openBed({ pipeline: pipeline(plugin, reader, routes) });
    const session = bed.open();
    const challenge = challengeOf(await session.scram("ann"));
    await session.mail(null, {});
    await challenge.prove("m", await proofOf("secret", challenge));
    await session.mail(null, {});
    challenge.accept();
    await session.mail(null, {});
    assert.deepEqual(seen, ["nobody", "nobody", "staff"]);
  });

  it("leave the result in the trace, and no key, salt or proof in it or the log", async () => {
    const { session, bed } = await open(accounts);
    const wrong = challengeOf(await session.scram("ann"));
    await wrong.prove("m", await proofOf("guess", wrong));
    const challenge = challengeOf(await session.scram("ann"));
    await challenge.prove("m", await proofOf("secret", challenge));
    challenge.accept();
    await bed.send(["you@example.com"], { session });
    const told = JSON.stringify([bed.records, bed.lines]);
    assert.match(told, /"user":"ann"/);
    const entries = (bed.records[0]?.entries ?? []).flatMap((entry) =>
      "event" in entry && entry.event === "proof" ? [entry.detail] : [],
    );
    assert.deepEqual(entries, ["wrong", "right"]);
    assert.match(told, /identifyByProof/);
    for (const octets of [keys.storedKey, keys.serverKey, keys.salt]) {
      assert.ok(!told.includes(Buffer.from(octets).toString("base64")));
      assert.ok(!told.includes([...octets].join(",")));
    }
  });
});

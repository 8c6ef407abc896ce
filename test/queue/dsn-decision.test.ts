/** Who hears of what: NOTIFY (RFC 3461 4.1, 5.2), the null reverse-path, and whose senders are known. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, fact, pipeline, type RcptParameters, routeTo, z } from "postern";
import type { StoredFacts, StoredMessage } from "../../core/gateway/mod.ts";
import { dsnDecision, spfReader } from "../../core/queue/dsn-decision.ts";
import type { DsnDecision, DsnKind, DsnPolicy } from "../../core/queue/dsn-types.ts";
import { Spf } from "../../plugins/auth/auth-results.ts";
import { address } from "../gateway/spool-fixtures.ts";
import { stored } from "./dsn-bed.ts";

type Notify = RcptParameters["notify"];
const KINDS: readonly DsnKind[] = ["failed", "delayed", "delivered", "relayed"];
const KNOWN: Partial<StoredMessage> = { identity: { user: "ann" } };

const NOTIFY_CASES: readonly { name: string; notify: Notify; want: readonly DsnDecision[] }[] = [
  {
    name: "3461 5.2.1: absent, failures and delays",
    notify: undefined,
    want: ["send", "send", "none", "none"],
  },
  { name: "3461 4.1: NEVER", notify: ["NEVER"], want: ["none", "none", "none", "none"] },
  {
    name: "3461 4.1: FAILURE alone, and no delay",
    notify: ["FAILURE"],
    want: ["send", "none", "none", "none"],
  },
  {
    name: "3461 4.1: DELAY alone, and no failure",
    notify: ["DELAY"],
    want: ["none", "send", "none", "none"],
  },
  { name: "3461 4.1: SUCCESS alone", notify: ["SUCCESS"], want: ["none", "none", "send", "send"] },
  {
    name: "3461 4.1: all three",
    notify: ["SUCCESS", "FAILURE", "DELAY"],
    want: ["send", "send", "send", "send"],
  },
];

describe("dsnDecision by NOTIFY, of failed, delayed, delivered, relayed", () => {
  for (const { name, notify, want } of NOTIFY_CASES) {
    it(name, () => {
      const parameters = notify === undefined ? {} : { notify };
      const got = KINDS.map((kind) => dsnDecision(stored(KNOWN), { parameters }, kind, "spf-aligned", noSpf));
      assert.deepEqual(got, want);
    });
  }

  for (const changes of [{ reversePath: null }, { origin: "dsn" as const }]) {
    it(`none for a message with ${JSON.stringify(changes)}, whatever the policy and NOTIFY (RFC 5321 6.1)`, () => {
      const parameters = { notify: ["SUCCESS", "FAILURE", "DELAY"] } as const;
      const message = stored({ ...KNOWN, ...changes });
      for (const kind of KINDS) {
        assert.equal(dsnDecision(message, { parameters }, kind, "always", noSpf), "none");
      }
    });
  }
});

const PASS = { ...Spf.fallback, result: "pass", domain: "example.com" };
const spf = (value: unknown, version = 1): StoredFacts => ({ spf: { version, value } });
const client = (changes: object) => ({ ip: "192.0.2.1", port: 4_000, trusted: false, ...changes });
const POLICIES: readonly DsnPolicy[] = ["authenticated", "spf-aligned", "always"];
const [YES, NO] = ["send", "suppressed"] as const;

const SENDER_CASES: readonly {
  name: string;
  message: Partial<StoredMessage>;
  /** By policy: authenticated, spf-aligned, always. */
  want: readonly DsnDecision[];
}[] = [
  { name: "a stranger", message: {}, want: [NO, NO, YES] },
  { name: "who logged in", message: KNOWN, want: [YES, YES, YES] },
  { name: "a trusted network", message: { client: client({ trusted: true }) }, want: [YES, YES, YES] },
  {
    name: "an upstream in a trusted network that did not name its client",
    message: { client: client({ trusted: true, isUpstream: true }) },
    want: [NO, NO, YES],
  },
  { name: "mail of our own making", message: { origin: "local" }, want: [YES, YES, YES] },
  { name: "SPF passes for the reverse-path", message: { facts: spf(PASS) }, want: [NO, YES, YES] },
  {
    name: "SPF passes, and the domain of the reverse-path is written in capitals",
    message: { facts: spf(PASS), reversePath: address("ann@EXAMPLE.com") },
    want: [NO, YES, YES],
  },
  {
    name: "SPF passes for the EHLO name alone",
    message: { facts: spf({ ...PASS, identity: "helo" }) },
    want: [NO, NO, YES],
  },
  {
    name: "SPF passes for another domain",
    message: { facts: spf({ ...PASS, domain: "sub.example.com" }) },
    want: [NO, NO, YES],
  },
  ...(["fail", "softfail", "neutral", "none", "temperror", "permerror"] as const).map((result) => ({
    name: `SPF gives ${result}`,
    message: { facts: spf({ ...PASS, result }) },
    want: [NO, NO, YES] as const,
  })),
  { name: "an SPF value of another version", message: { facts: spf(PASS, 2) }, want: [NO, NO, YES] },
  {
    name: "an SPF value that no longer parses",
    message: { facts: spf({ ...PASS, result: 7 }) },
    want: [NO, NO, YES],
  },
  { name: "an SPF value that is none", message: { facts: spf(null) }, want: [NO, NO, YES] },
  {
    name: "a fact by the name of what all objects have",
    message: { facts: Object.create(spf(PASS)) },
    want: [NO, NO, YES],
  },
];

const provider = (given: Parameters<typeof definePlugin>[0]["provides"]) =>
  pipeline(
    definePlugin({ name: "finds", provides: given as never, data: () => undefined }),
    definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") }),
  );
const noSpf = spfReader(provider([]));

describe("dsnDecision of a failure by policy", () => {
  const readSpf = spfReader(provider([Spf]));
  for (const { name, message, want } of SENDER_CASES) {
    it(`${name}: ${want.join(", ")}`, () => {
      const got = POLICIES.map((policy) =>
        dsnDecision(stored(message), { parameters: {} }, "failed", policy, readSpf),
      );
      assert.deepEqual(got, want);
    });
  }

  it("keeps nothing back of a delay or a success that the policy does not let out: the recipient goes on", () => {
    const parameters = { notify: ["SUCCESS", "FAILURE", "DELAY"] } as const;
    for (const kind of ["delayed", "delivered", "relayed"] as const) {
      assert.equal(dsnDecision(stored(), { parameters }, kind, "spf-aligned", noSpf), "none");
    }
  });
});

describe("spfReader", () => {
  it("gives nothing where no plugin of the pipeline provides the fact: a stored value may be anything", () => {
    assert.equal(noSpf(spf(PASS)), undefined);
  });

  it("gives nothing where a fact of that name is of another shape", () => {
    const other = fact("spf", {
      stage: "data",
      scope: "transaction",
      schema: z.object({ passes: z.boolean() }),
      fallback: { passes: false },
    });
    assert.equal(spfReader(provider([other]))(spf({ passes: true })), undefined);
  });
});

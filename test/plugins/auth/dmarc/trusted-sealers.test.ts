/** Whose word `dmarc` takes under a chain of ARC (RFC 8617 7.2 and 9.4), and what it says of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { defineGateway, definePlugin, type FactValue, mailbox, pipeline } from "postern";
import { createTestGateway } from "postern/testing";
import { fixedResolver } from "../../../../core/dns/mod.ts";
import { Arc, Dkim, type Dmarc, Spf } from "../../../../plugins/auth/auth-results.ts";
import { type DmarcOptions, dmarc } from "../../../../plugins/auth/dmarc/dmarc.ts";
import { sealersReason } from "../../../../plugins/auth/dmarc/trusted-sealers.ts";
import { replyText, toBackend } from "../../fakes.ts";

type ArcValue = FactValue<typeof Arc>;
type ArcSet = ArcValue["sets"][number];

const set = (sealer: string, dmarc: ArcSet["dmarc"] = "", headerFrom = ""): ArcSet => ({
  ...{ sealer, selector: "s", remoteIp: "", dmarc, headerFrom },
});
const chain = (...sets: readonly ArcSet[]): ArcValue => ({
  ...{ result: "pass", reason: "", instance: sets.length, sealer: sets.at(-1)?.sealer ?? "", oldestPass: 0 },
  sets: [...sets],
});
const AUTHOR = "sender.example";
const TRUSTED = new Set(["list.example", "provider.example"]);
const TAKEN = "local_policy: arc=pass";

const CASES: readonly { name: string; arc: ArcValue; want: string | undefined }[] = [
  {
    name: "a pass that a trusted sealer saw",
    arc: chain(set("list.example", "pass", AUTHOR)),
    want: `${TAKEN} as[1].d=list.example as[1].s=s`,
  },
  {
    name: "a pass of a From that it does not tell",
    arc: chain(set("list.example", "pass")),
    want: `${TAKEN} as[1].d=list.example as[1].s=s`,
  },
  {
    name: "a pass that one saw, and another sealed since",
    arc: chain(
      { ...set("list.example", "pass", AUTHOR), remoteIp: "192.0.2.7" },
      set("provider.example", "fail", AUTHOR),
    ),
    want: `${TAKEN} as[2].d=provider.example as[2].s=s as[1].d=list.example as[1].s=s remote-ip[1]=192.0.2.7`,
  },
  {
    name: "a pass that the newest saw, whoever sealed before",
    arc: chain(set("liar.example", "pass", AUTHOR), set("list.example", "pass", AUTHOR)),
    want: `${TAKEN} as[2].d=list.example as[2].s=s as[1].d=liar.example as[1].s=s`,
  },
  {
    name: "a pass of another From",
    arc: chain(set("list.example", "pass", "liar.example")),
    want: undefined,
  },
  { name: "a fail that it saw", arc: chain(set("list.example", "fail", AUTHOR)), want: undefined },
  { name: "nothing that it tells", arc: chain(set("list.example")), want: undefined },
  {
    name: "a sealer that is not in the list",
    arc: chain(set("liar.example", "pass", AUTHOR)),
    want: undefined,
  },
  {
    name: "a domain below one of the list",
    arc: chain(set("x.list.example", "pass", AUTHOR)),
    want: undefined,
  },
  {
    name: "a trusted sealer under one that is not",
    arc: chain(set("list.example", "pass", AUTHOR), set("liar.example", "pass", AUTHOR)),
    want: undefined,
  },
  {
    name: "the word of a liar under a trusted sealer who saw no pass",
    arc: chain(set("liar.example", "pass", AUTHOR), set("list.example", "fail", AUTHOR)),
    want: undefined,
  },
  {
    name: "a chain that does not pass",
    arc: { ...chain(set("list.example", "pass", AUTHOR)), result: "fail" },
    want: undefined,
  },
  { name: "no chain", arc: Arc.fallback, want: undefined },
];

for (const { name, arc, want } of CASES) {
  test(`sealersReason ${want === undefined ? "does not take" : "takes"} ${name}`, () => {
    assert.equal(sealersReason(arc, AUTHOR, TRUSTED), want);
  });
}

test("sealersReason tells fifty sets within the bound of the fact", () => {
  const sets = Array.from({ length: 50 }, () => set("list.example", "pass", AUTHOR));
  assert.ok((sealersReason(chain(...sets), AUTHOR, TRUSTED)?.length ?? 999) <= 500);
});

async function answered(arc: Partial<ArcValue>, options: DmarcOptions = {}, from = `a@${AUTHOR}`) {
  const results = definePlugin({
    name: "results",
    provides: [Spf, Dkim, Arc],
    data(ctx) {
      ctx.provide(Spf, { ...Spf.fallback });
      ctx.provide(Dkim, { signatures: [], unchecked: 0 });
      ctx.provide(Arc, { ...Arc.fallback, ...arc });
    },
  });
  const sealers = [...TRUSTED];
  const gateway = await createTestGateway(
    defineGateway({
      domains: ["inside.example"],
      pipeline: pipeline(results, dmarc({ trustedForwarders: { sealers }, ...options }), toBackend),
      nextHops: { backend: mailbox() },
    }),
    {
      dns: fixedResolver({
        "_dmarc.sender.example": { TXT: ["v=DMARC1; p=reject"] },
        "_dmarc.looks.example": { TXT: ["v=DMARC1; p=none"] },
      }),
    },
  );
  const outcome = await gateway.inject({
    ...{ client: { ip: "192.0.2.1" }, reversePath: "a@x.example", recipients: ["b@inside.example"] },
    content: `From: ${from}\n\nHello\n`,
  });
  return { reply: replyText(outcome), fact: outcome.facts.dmarc as FactValue<typeof Dmarc> };
}

const LATE: Partial<ArcValue> = {
  result: "temperror",
  reason: "DNS: timeout",
  instance: 1,
  sealer: "list.example",
};
for (const { name, arc, options, from, code, result } of [
  {
    name: "a trusted sealer whose chain can not be checked now",
    arc: LATE,
    code: "451",
    result: "temperror",
  },
  {
    name: "somebody else's chain that can not",
    arc: { ...LATE, sealer: "liar.example" },
    code: "550",
    result: "fail",
  },
  {
    name: "such a chain, where temperrors are taken, as anybody can make one up",
    arc: LATE,
    options: { onTemperror: "accept" },
    code: "550",
    result: "fail",
  },
  {
    name: "such a chain, where failures do nothing",
    arc: LATE,
    from: "a@looks.example",
    code: "250",
    result: "fail",
  },
  {
    name: "such a chain and no one From",
    arc: LATE,
    from: "a@x.example, b@y.example",
    code: "550",
    result: "permerror",
  },
] as const) {
  test(`dmarc answers ${code} to ${name}`, async () => {
    const { reply, fact } = await answered(arc, options, from);
    assert.equal(reply.slice(0, 3), code, reply);
    assert.equal(fact.result, result);
    if (code === "451") assert.equal(fact.reason, "ARC of list.example: DNS: timeout");
  });
}

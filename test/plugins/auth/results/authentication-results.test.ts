import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { definePlugin, identify, pipeline } from "postern";
import { Dkim, Spf } from "../../../../plugins/auth/auth-results.ts";
import { authenticationResults } from "../../../../plugins/auth/results/authentication-results.ts";
import { assertOptionError, faultsOf, gatewayOf, hastyClock, replyText, toBackend } from "../../fakes.ts";
import { fieldsOf, OUR_ID, SPF, sender, TRUSTED, unfolded } from "./results-bed.ts";

const OURS = `Authentication-Results: ${OUR_ID};\r\n none`;
const FORGED = `${OUR_ID}; spf=pass smtp.mailfrom=bank.example`;
const kept = (...fields: string[]) => [OURS, ...fields];

const STRIPPED: readonly { name: string; head: string; want: readonly string[] }[] = [
  {
    name: "a field by our name (RFC 8601 5)",
    head: `Authentication-Results: ${FORGED}`,
    want: kept("Subject: x"),
  },
  {
    name: "a space before the colon",
    head: `Authentication-Results : ${FORGED}`,
    want: kept("Subject: x"),
  },
  {
    name: "a no-break space before the colon",
    head: `Authentication-Results\u00a0: ${FORGED}`,
    want: kept("Subject: x"),
  },
  {
    name: "other letter case and folds",
    head: `AUTHENTICATION-RESULTS:\n (x) "MX.inside.EXAMPLE"\n 1; spf=pass`,
    want: kept("Subject: x"),
  },
  {
    name: "fields that can not be read",
    head: "Authentication-Results: spf=pass smtp.mailfrom=a\nAuthentication-Results: (",
    want: kept("Subject: x"),
  },
  {
    name: "every second of many, each spelled in its own way",
    head: [
      "Authentication-Results: one.example; none",
      `Authentication-Results: ${FORGED}`,
      `authentication-results : ${FORGED}`,
      "authentication-results: two.example; none",
      `Authentication-Results\u00a0: ${FORGED}`,
      "Authentication-Results\u00a0: three.example; none",
    ].join("\n"),
    want: kept(
      "Authentication-Results: one.example; none",
      "authentication-results: two.example; none",
      "Authentication-Results\u00a0: three.example; none",
      "Subject: x",
    ),
  },
  {
    name: "nothing of others",
    head: `Authentication-Results: mx.other.example; spf=pass\nARC-Authentication-Results: i=1; ${FORGED}\nX-Authentication-Results: ${FORGED}`,
    want: kept(
      "Authentication-Results: mx.other.example; spf=pass",
      `ARC-Authentication-Results: i=1; ${FORGED}`,
      `X-Authentication-Results: ${FORGED}`,
      "Subject: x",
    ),
  },
];
for (const { name, head, want } of STRIPPED) {
  test(`authenticationResults takes out ${name}`, async () => {
    const send = await sender({});
    const outcome = await send({ content: `${head}\nSubject: x\n\nx\n` });
    assert.equal(outcome.reply.code, 250);
    assert.deepEqual(fieldsOf(outcome), want);
  });
}

test("authenticationResults leaves what a trusted peer says, and adds its own above it", async () => {
  const send = await sender({});
  const content = `Authentication-Results: ${FORGED}\nAuthentication-Results\n : x\nSubject: x\n\nx\n`;
  const outcome = await send({ client: { ip: TRUSTED }, content });
  assert.deepEqual(fieldsOf(outcome), [
    OURS,
    `Authentication-Results: ${FORGED}`,
    "Authentication-Results\r\n : x",
    "Subject: x",
  ]);
});

test("authenticationResults takes out all with strip: 'all', and names of alsoOwn", async () => {
  const content = `Authentication-Results: mx.other.example; none\nAuthentication-Results: inner.example; none\nSubject: x\n\nx\n`;
  const all = await sender({}, { authservId: OUR_ID, strip: "all" });
  assert.deepEqual(fieldsOf(await all({ content })), kept("Subject: x"));
  const also = await sender({}, { authservId: OUR_ID, alsoOwn: ["INNER.example"] });
  assert.deepEqual(
    fieldsOf(await also({ content })),
    kept("Authentication-Results: mx.other.example; none", "Subject: x"),
  );
});

test("authenticationResults puts its field right below our own Received, above those of others", async () => {
  const send = await sender({ spf: SPF });
  const outcome = await send({
    content: "Received: from a by b; now\nDKIM-Signature: v=1\nSubject: x\n\nx\n",
  });
  const [head = ""] = (outcome.deliveries[0]?.text ?? "").split("\r\n\r\n");
  const names = head.split(/\r\n(?![ \t])/).map((field) => field.slice(0, field.indexOf(":")));
  assert.deepEqual(names, ["Received", "Authentication-Results", "Received", "DKIM-Signature", "Subject"]);
});

test("authenticationResults speaks by the gateway's host name where no other is given", async () => {
  const send = await sender({}, {});
  const outcome = await send({ content: "Authentication-Results: LOCALHOST; spf=pass\nSubject: x\n\nx\n" });
  assert.deepEqual(fieldsOf(outcome), ["Authentication-Results: localhost;\r\n none", "Subject: x"]);
});

test("authenticationResults refuses a field that only some readers see", async () => {
  const send = await sender({});
  for (const line of [`Authentication-Results\n : ${FORGED}`, `Authentication-Results\u000b: ${FORGED}`]) {
    const outcome = await send({ content: `${line}\nSubject: x\n\nx\n` });
    assert.equal(replyText(outcome), "550 5.6.0 An Authentication-Results field is malformed");
  }
});

test("authenticationResults refuses more fields than anybody looks at, and takes out as many as it may", async () => {
  const send = await sender({});
  const many = (count: number) => `Authentication-Results: ${FORGED}\nX: ${"x".repeat(900)}\n`.repeat(count);
  const taken = await send({ content: `${many(200)}Subject: x\n\nx\n` });
  assert.equal(fieldsOf(taken).length, 202);
  const refused = await send({ content: `${many(201)}Subject: x\n\nx\n` });
  assert.equal(replyText(refused), "550 5.6.0 Too many Authentication-Results fields");
});

test("authenticationResults tells who logged in only where it is told to", async () => {
  for (const [showUser, user, want] of [
    [false, "ann@example.com", "none"],
    [true, "ann@example.com", "auth=pass smtp.auth=ann@example.com"],
    [true, "ann", "auth=pass smtp.auth=ann"],
    [true, 'ann"; dkim=pass', 'auth=pass smtp.auth="ann\\"; dkim=pass"'],
    [true, "änn", 'auth=pass smtp.auth="?nn"'],
  ] as const) {
    const login = definePlugin({ name: "login", auth: ({ attempt }) => identify({ user: attempt.user }) });
    const results = authenticationResults({ authservId: OUR_ID, showUser });
    const inject = await gatewayOf(pipeline(login, results, toBackend));
    const outcome = await inject({ login: { user, password: "x" }, content: "Subject: x\n\nx\n" });
    assert.equal(fieldsOf(outcome)[0], `Authentication-Results: ${OUR_ID};\r\n ${want}`);
  }
});

test("authenticationResults says nothing of a method whose plugin failed and was skipped", async () => {
  const broken = definePlugin({
    name: "dkim",
    provides: [Dkim],
    onError: "skip",
    data() {
      throw new Error("broken");
    },
  });
  const spf = definePlugin({ name: "spf", provides: [Spf], data: (ctx) => ctx.provide(Spf, SPF) });
  const inject = await gatewayOf(
    pipeline(broken, spf, authenticationResults({ authservId: OUR_ID }), toBackend),
    { clock: hastyClock() },
  );
  const outcome = await inject({ content: "Subject: x\n\nx\n" });
  assert.equal(unfolded(fieldsOf(outcome)[0]), ` ${OUR_ID}; spf=pass smtp.mailfrom=a@outside.example`);
  assert.deepEqual(faultsOf(outcome), ["data dkim: broken (skip)"]);
});

test("authenticationResults leaves no field by our name but its own, whatever the message brings", async () => {
  const send = await sender({});
  const piece = fc.constantFrom(
    ...'Authentication-Results,authentication-results,:,:, ,\t,\n,\n ,mx.inside.example,MX.INSIDE.EXAMPLE,(,),",\\,;,1,spf=pass,=?utf-8?q?,?=,\u00a0,\u200b,other.example'.split(
      ",",
    ),
  );
  const reader = /^authentication-results\s*:\s*(?:\([^()]*\)\s*)*"?\s*mx\.inside\.example\b(?![.\w-])/i;
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 14 }), async (pieces) => {
      const outcome = await send({ content: `Authentication-Results:${pieces.join("")}\nSubject: x\n\nx\n` });
      if (outcome.reply.code !== 250) return;
      const [own, ...others] = fieldsOf(outcome).map((field) => field.replace(/\r\n/g, ""));
      assert.match(own ?? "", reader);
      for (const other of others) assert.doesNotMatch(other, reader);
    }),
    { numRuns: 500 },
  );
});

const WORDS = "authservId, alsoOwn, strip, showUser";
const MISTAKES: readonly { name: string; options: unknown; want: readonly string[] }[] = [
  {
    name: "an unknown option",
    options: { id: "x" },
    want: [`authenticationResults: id: found an unknown option, expected one of: ${WORDS}`],
  },
  {
    name: "an id with white space",
    options: { authservId: "mx inside" },
    want: [
      "authenticationResults: authservId: found \"mx inside\", expected a domain as 'mx.example.com', or a word",
    ],
  },
  {
    name: "a name that is none",
    options: { alsoOwn: ["a", 7] },
    want: ["authenticationResults: alsoOwn[1]: found 7, expected a domain as 'mx.example.com', or a word"],
  },
  {
    name: "a word that is not known",
    options: { strip: "none" },
    want: ["authenticationResults: strip: found \"none\", expected 'own' or 'all'"],
  },
  {
    name: "a word for a flag",
    options: { showUser: "yes" },
    want: ['authenticationResults: showUser: found "yes", expected true or false'],
  },
];
for (const { name, options, want } of MISTAKES) {
  test(`authenticationResults tells ${name}`, () => {
    assertOptionError(() => authenticationResults(options as never), want);
  });
}

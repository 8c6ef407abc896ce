/** What is read of ARC-Authentication-Results fields (RFC 8617 4.1.1, RFC 8601 2.2). */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Assessment, assessmentOf, instanceOf } from "../../../../plugins/auth/arc/assessment.ts";

const NOTHING: Assessment = { dmarc: "", headerFrom: "", remoteIp: "" };

const CASES: readonly { name: string; value: string; want: Partial<Assessment> }[] = [
  { name: "a pass", value: "i=1; a.example; dmarc=pass", want: { dmarc: "pass" } },
  {
    name: "a pass of a domain",
    value: "i=1; a.example; spf=pass smtp.mailfrom=x@y.example; dmarc=pass header.from=Sender.EXAMPLE",
    want: { dmarc: "pass", headerFrom: "sender.example" },
  },
  {
    name: "an address for the domain",
    value: "i=1; a.example; dmarc=pass header.from=ann@sender.example",
    want: { dmarc: "pass", headerFrom: "sender.example" },
  },
  {
    name: "a domain in U-labels",
    value: "i=1; a.example; dmarc=pass header.from=bücher.example",
    want: { dmarc: "pass", headerFrom: "xn--bcher-kva.example" },
  },
  {
    name: "comments everywhere, one in another, with what would end a result",
    value:
      "i=1; a.example; (a) dmarc (b;c) = (d \\) (e)) pass (p=none; dmarc=fail) header.from (f) = (g) sender.example (h)",
    want: { dmarc: "pass", headerFrom: "sender.example" },
  },
  {
    name: "versions",
    value: "i=1; a.example 1; dmarc/1=pass header.from=sender.example",
    want: { dmarc: "pass", headerFrom: "sender.example" },
  },
  {
    name: "what is not in the grammar and is often written",
    value:
      "i=2; mx.microsoft.com 1; spf=pass (sender ip is 192.0.2.1) smtp.rcpttodomain=a.example smtp.mailfrom=b.example; dmarc=pass (p=none sp=none pct=100) action=none header.from=b.example; dkim=none (message not signed) header.d=none; arc=none",
    want: { dmarc: "pass", headerFrom: "b.example" },
  },
  {
    name: "values that are no tokens",
    value:
      "i=1; a.example; dkim=pass header.b=ab/+c== header.i=@b.example; iprev=pass policy.iprev=2001:db8::1; dmarc=fail",
    want: { dmarc: "fail" },
  },
  {
    name: "a quoted value with what would be a result",
    value:
      'i=1; a.example; spf=pass smtp.mailfrom="x; dmarc=pass header.from=bank.example"@y.example; dmarc=fail',
    want: { dmarc: "fail" },
  },
  {
    name: "a reason with what would be a result",
    value: 'i=1; a.example; dmarc=fail reason="x\\"; dmarc=pass" header.from=bank.example',
    want: { dmarc: "fail", headerFrom: "bank.example" },
  },
  { name: "results in capitals", value: "i=1; a.example; DMARC=Pass", want: { dmarc: "pass" } },
  { name: "a semicolon at the end", value: "i=1; a.example; dmarc=pass;", want: { dmarc: "pass" } },
  { name: "none at all", value: "i=1; a.example; none", want: {} },
  {
    name: "the client's address",
    value: "i=1; a.example; spf=pass smtp.remote-ip=192.0.2.1; dmarc=pass",
    want: { dmarc: "pass", remoteIp: "192.0.2.1" },
  },
  {
    name: "the client's address in IPv6",
    value: 'i=1; a.example; arc=none smtp.remote-ip="2001:db8::1"',
    want: { remoteIp: "2001:db8::1" },
  },
  { name: "no address", value: "i=1; a.example; arc=none smtp.remote-ip=192.0.2.0/24", want: {} },
  // What nobody can tell says nothing.
  { name: "DMARC twice", value: "i=1; a.example; dmarc=fail; dmarc=pass", want: {} },
  { name: "a result that is none", value: "i=1; a.example; dmarc=passed", want: {} },
  { name: "a domain that is none", value: "i=1; a.example; dmarc=pass header.from=a..b", want: {} },
  {
    name: "two domains, of which the first counts",
    value: "i=1; a.example; dmarc=pass header.from=a.example header.from=b.example",
    want: { dmarc: "pass", headerFrom: "a.example" },
  },
  { name: "a comment without an end", value: "i=1; a.example; dmarc=pass (x", want: {} },
  { name: "a quote without an end", value: 'i=1; a.example; dmarc=pass header.from="a.example', want: {} },
  { name: "rubbish", value: "i=1; a.example; dmarc=pass @@", want: {} },
  { name: "no id", value: "i=1; dmarc=pass", want: {} },
  { name: "no instance", value: "a.example; dmarc=pass", want: {} },
  { name: "a control", value: "i=1; a.example; dmarc=pass header.from=a\u0000.example", want: {} },
  { name: "101 results", value: `i=1; a.example${"; spf=pass".repeat(100)}; dmarc=pass`, want: {} },
  { name: "16 K characters", value: `i=1; a.example; dmarc=pass (${"x".repeat(16_384)})`, want: {} },
];

for (const { name, value, want } of CASES) {
  test(`assessmentOf reads ${name}`, () => assert.deepEqual(assessmentOf(value), { ...NOTHING, ...want }));
}

test("instanceOf reads the instance in front and nothing else", () => {
  const read = (value: string) => instanceOf(value)?.instance;
  for (const value of ["i=7;x", " i = 7 ; x", "(a)i(b)=(c)7(d);x"]) assert.equal(read(value), "7", value);
  for (const value of ["", "i", "i=", "i=7", "I=7;", "i=777;", "i=7x;", "x; i=7;", "i=(7);", "(i=7;"])
    assert.equal(read(value), undefined, value);
});

test("assessmentOf reads anything, and finds no pass in a quoted value or a comment", () => {
  const piece = fc.constantFrom(
    ...'i=1; a.example;,dmarc=pass,;, ,(,),",\\,header.from=,b.example,=,@,/,1,none'.split(","),
  );
  const inner = fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join("").replace(/[()"\\]/g, ""));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      assessmentOf(pieces.join(""));
      assessmentOf(`i=1; a.example;${pieces.join("")}`);
    }),
  );
  fc.assert(
    fc.property(inner, (text) => {
      assert.equal(assessmentOf(`i=1; a.example; x=y p.q="${text}"; dmarc=fail (${text})`).dmarc, "fail");
    }),
  );
});

test("assessmentOf takes time in proportion to the length", () => {
  const steps = (text: string) => {
    const start = process.cpuUsage();
    for (let n = 0; n < 50; n++) assessmentOf(`i=1; a.example; dmarc=pass ${text}`);
    const { user } = process.cpuUsage(start);
    return user;
  };
  for (const piece of ["(", ' "', " a=", ";", " ", "a"]) {
    const [half, whole] = [8_000, 16_000].map((length) =>
      Math.min(...[1, 2, 3].map(() => steps(piece.repeat(length / piece.length)))),
    ) as [number, number];
    assert.ok(whole < 8 * half + 20_000, `${JSON.stringify(piece)}: ${half} and ${whole} us`);
  }
});

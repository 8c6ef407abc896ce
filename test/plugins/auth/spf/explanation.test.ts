import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Zone } from "../../../../core/dns/mod.ts";
import { expandMacros, parseMacroString } from "../../../../plugins/auth/spf/macro-string.ts";
import { type Asked, ask, askZone, recorded } from "./spf-question.ts";

interface Case extends Asked {
  readonly name: string;
  /** Of words.example. */
  readonly text: string | readonly string[];
  readonly record?: string;
  readonly want: string;
}

const CASES: readonly Case[] = [
  {
    name: "macros of explanations",
    text: "%{c} is not %{s}'s (%{r}, %{t})",
    want: "192.0.2.1 is not bob@example.com's (unknown, 1767225600)",
  },
  { name: "escapes", text: "100%% of%_it%-", want: "100% of it%20" },
  {
    name: "capitals escape",
    text: "https://e.example/?l=%{L}",
    localPart: "a b&c",
    want: "https://e.example/?l=a%20b%26c",
  },
  { name: "the name of the client", text: "%{p}", want: "unknown" },
  { name: "several texts", text: ["one", "two"], want: "" },
  { name: "no text", text: [], want: "" },
  { name: "a wrong macro", text: "%{x}", want: "" },
  { name: "other characters than ASCII", text: "n\u00e9", want: "" },
  { name: "controls of the text", text: "a\r\n250 ok", want: "" },
  { name: "controls of the sender", text: "%{l}", localPart: "a\r\nb\u0000\u009bc", want: "" },
  { name: "controls of an ASCII sender", text: "%{l}", localPart: "a\r\nb\u0000c", want: "a?b?c" },
  { name: "controls of HELO", text: "%{h}", helo: "x\u001b[2J\u00e9", want: "x?[2J?" },
  { name: "more than is kept", text: "x".repeat(600), want: "x".repeat(500) },
  {
    name: "more than is kept by macros",
    text: "%{s}".repeat(600),
    want: "bob@example.com".repeat(34).slice(0, 500),
  },
  {
    name: "a redirect has its target's alone",
    text: "hello",
    record: "v=spf1 exp=words.example redirect=no.example",
    want: "",
  },
  { name: "an include's is not used", text: "hello", record: "v=spf1 include:words.example -all", want: "" },
];

for (const { name, text, record = "v=spf1 -all exp=words.example", want, ...asked } of CASES) {
  test(`checkHost gives the explanation '${want.slice(0, 30)}', RFC 7208 6.2: ${name}`, async () => {
    const zone: Zone = {
      "example.com": { TXT: [record] },
      "no.example": { TXT: ["v=spf1 -all"] },
      "words.example": {
        TXT: [...(typeof text === "string" ? [text] : text), "v=spf1 ?all"].slice(
          0,
          record.includes("include") ? 2 : -1,
        ),
      },
    };
    const answer = await askZone(zone, asked);
    assert.equal(answer.result, "fail", answer.reason);
    assert.equal(answer.explanation, want);
  });
}

test("checkHost asks for an explanation only where it is wanted, and only for a fail", async () => {
  const zone = (all: string): Zone => ({
    "example.com": { TXT: [`v=spf1 exp=words.example ${all}`] },
    "words.example": { TXT: ["x"] },
  });
  for (const [all, explain, questions] of [
    ["-all", true, 2],
    ["-all", false, 1],
    ["~all", true, 1],
  ] as const) {
    const { dns, asked } = recorded(zone(all));
    await ask(dns, { explain });
    assert.equal(asked.length, questions);
  }
});

test("checkHost gives a fail without words when DNS fails for the explanation", async () => {
  const zone: Zone = {
    "example.com": { TXT: ["v=spf1 -all exp=down.example"] },
    "down.example": { TXT: "servfail" },
  };
  const answer = await askZone(zone);
  assert.deepEqual([answer.result, answer.explanation], ["fail", ""]);
});

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc
    .array(
      fc.constantFrom(
        "%",
        "{",
        "}",
        "%{",
        "i",
        "r",
        "9",
        "d",
        ".",
        "-",
        "a",
        " ",
        "%{d2r-}",
        "%{L}",
        "\u00e9",
      ),
      { maxLength: 20 },
    )
    .map((parts) => parts.join("")),
);

test("parseMacroString takes any text, and expandMacros any values, within the bound", () => {
  fc.assert(
    fc.property(
      anyText,
      fc.string({ unit: "binary", maxLength: 80 }),
      fc.constantFrom("begin", "end"),
      (text, value, side) => {
        const macros = parseMacroString(text, "slodiphvcrt", true);
        if (!macros) return;
        const whole = expandMacros(macros, () => value, Number.POSITIVE_INFINITY, side as "begin");
        const bounded = expandMacros(macros, () => value, 20, side as "begin");
        if (whole.length <= 20) assert.equal(bounded, whole);
        else assert.ok(side === "begin" ? whole.startsWith(bounded) : whole.endsWith(bounded));
        assert.ok(whole.length <= 20 || bounded.length > 20);
      },
    ),
    { numRuns: 2_000 },
  );
});

test("checkHost answers any record and any text of DNS with a result of SPF and plain words", async () => {
  const word = fc.constantFrom(
    "a",
    "mx",
    "ptr",
    "all",
    "include:example.com",
    "exists:%{p}.%{d}",
    "ip4:192.0.2.0/24",
    "redirect=b.example",
    "exp=b.example",
    "-",
    "~",
    ":",
    "/24",
    "//",
    "\u0000",
    "\u00ff",
  );
  const record = fc
    .array(word, { maxLength: 12 })
    .chain((words) => fc.constantFrom(" ", "").map((space) => `v=spf1 ${words.join(space)}`));
  await fc.assert(
    fc.asyncProperty(
      record,
      fc.oneof(record, anyText),
      anyText,
      anyText,
      async (own, other, localPart, helo) => {
        const zone: Zone = {
          "example.com": { TXT: [own], A: ["192.0.2.9"], MX: [other, "x"] },
          "b.example": { TXT: [other] },
        };
        const { result, reason, explanation } = await askZone(zone, { localPart, helo });
        assert.ok(["pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"].includes(result));
        assert.match(reason, /^[ -~]{1,500}$/);
        assert.match(explanation, /^[ -~]{0,500}$/);
      },
    ),
    { numRuns: 500 },
  );
});

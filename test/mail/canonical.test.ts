/** Canonical forms of bodies, streamed, against the words of RFC 6376 3.4.3 and 3.4.4. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { canonicalBody } from "../../core/mail/mod.ts";

type Form = "simple" | "relaxed";

function streamed(form: Form, body: Buffer, cuts: readonly number[] = []): string {
  const chunks: Buffer[] = [];
  const canonical = canonicalBody(form, (chunk) => void chunks.push(Buffer.from(chunk)));
  let from = 0;
  for (const to of [...cuts.map((cut) => Math.min(cut, body.length)).sort((a, b) => a - b), body.length]) {
    canonical.update(body.subarray(from, to));
    from = to;
  }
  canonical.finish();
  return Buffer.concat(chunks).toString("latin1");
}

/** The RFC's steps, one after the other, over the whole. */
function defined(form: Form, body: string): string {
  const lines = body.split("\r\n");
  const reduced =
    form === "simple" ? lines : lines.map((line) => line.replace(/[ \t]+/g, " ").replace(/ $/, ""));
  while (reduced.at(-1) === "") reduced.pop();
  if (reduced.length === 0) return form === "simple" ? "\r\n" : "";
  return `${reduced.join("\r\n")}\r\n`;
}

describe("canonicalBody", () => {
  const octet = fc.constantFrom(
    "a",
    "b",
    "\xa0",
    "\xe9",
    "\0",
    "\x0b",
    " ",
    " ",
    "\t",
    "\r\n",
    "\r\n",
    "\r",
    "\n",
    ".",
  );
  const word = fc.constantFrom(
    "word",
    "two words",
    "line\r\nline",
    "x\r\n\r\ny",
    "end \r\n",
    "\ttab",
    "a  b",
    "\r\n \r\n",
  );
  const bodies = fc
    .oneof(fc.array(octet, { maxLength: 40 }), fc.array(fc.oneof(word, octet), { maxLength: 60 }))
    .map((parts) => parts.join(""));

  for (const form of ["simple", "relaxed"] as const) {
    it(`${form} is what the RFC's steps give, wherever chunks end`, () => {
      fc.assert(
        fc.property(bodies, fc.array(fc.nat(200), { maxLength: 10 }), (body, cuts) => {
          assert.equal(streamed(form, Buffer.from(body, "latin1"), cuts), defined(form, body));
        }),
        { numRuns: 1_000 },
      );
    });

    it(`${form} takes two megabytes of what hurts most, in chunks`, () => {
      for (const unit of [" ", "\t", "\r\n", " \r\n", "a ", "a\r\n", "\r", "a  "]) {
        const body = unit.repeat(2 ** 21 / unit.length);
        const cuts = Array.from({ length: 32 }, (_, n) => n * 65_537);
        assert.equal(streamed(form, Buffer.from(`${body}x`, "latin1"), cuts), defined(form, `${body}x`));
      }
    });
  }
});

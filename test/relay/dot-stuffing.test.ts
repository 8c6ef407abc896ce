/** Dots at the begin of lines (RFC 5321 4.5.2), however the content is cut. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DotStuffer } from "../../core/relay/dot-stuffing.ts";

const lines = fc.constantFrom(
  ".\r\n",
  ".\r\n",
  "..\r\n",
  ".a\r\n",
  "x\r\n",
  "a.b\r\n",
  "\r",
  "\n",
  ".",
  "\r\n",
);

test("DotStuffer doubles each dot behind CR or LF or at the begin, whatever the chunk borders", () => {
  fc.assert(
    fc.property(
      fc.array(lines, { maxLength: 60 }),
      fc.array(fc.nat(200), { maxLength: 8 }),
      (parts, borders) => {
        const content = parts.join("");
        const stuffer = new DotStuffer();
        const cuts = [...new Set(borders.map((at) => at % (content.length + 1)))].sort((a, b) => a - b);
        let stuffed = "";
        let from = 0;
        for (const cut of [...cuts, content.length]) {
          stuffed += Buffer.from(stuffer.stuff(Buffer.from(content.slice(from, cut), "latin1"))).toString(
            "latin1",
          );
          from = cut;
        }
        // A dot behind a bare CR or LF too: a server that takes it for the end of a line must not see the end of data.
        assert.equal(stuffed, content.replace(/(^|[\r\n])\./g, "$1.."));
      },
    ),
    { numRuns: 3_000 },
  );
});

test("DotStuffer leaves a chunk without such dots as it is", () => {
  const chunk = Buffer.from("a.b\r\nc\r\n");
  assert.equal(new DotStuffer().stuff(chunk), chunk);
});

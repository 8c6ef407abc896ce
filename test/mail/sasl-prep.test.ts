import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { saslPrep } from "postern";

const CASES: readonly { name: string; text: string; want: string | undefined }[] = [
  // RFC 4013 3.
  { name: "drops a soft hyphen", text: "I\u00adX", want: "IX" },
  { name: "leaves ASCII", text: "user", want: "user" },
  { name: "keeps letter case", text: "USER", want: "USER" },
  { name: "makes a feminine ordinal an a", text: "\u00aa", want: "a" },
  { name: "makes a roman numeral letters", text: "\u2168", want: "IX" },
  { name: "refuses a control", text: "\u0007", want: undefined },
  // The rest.
  { name: "leaves nothing", text: "", want: "" },
  { name: "makes a no-break space a space", text: "a\u00a0b\u3000c", want: "a b c" },
  { name: "makes a zero width space a space", text: "a\u200bb", want: "a b" },
  { name: "composes", text: "e\u0301", want: "\u00e9" },
  { name: "drops variation selectors and joiners", text: "a\ufe0f\u200db", want: "ab" },
  { name: "refuses NUL", text: "a\0b", want: undefined },
  { name: "refuses a control of Latin-1", text: "\u0085", want: undefined },
  { name: "refuses a lone surrogate", text: "\ud800", want: undefined },
  { name: "refuses private use", text: "\ue000", want: undefined },
  { name: "refuses no character", text: "\ufffe", want: undefined },
  { name: "refuses the replacement character", text: "\ufffd", want: undefined },
  { name: "refuses a mark that turns the text round", text: "a\u202eb", want: undefined },
  { name: "refuses a tag", text: "\u{e0041}", want: undefined },
  { name: "takes what Unicode 3.2 did not know", text: "\u{1f600}", want: "\u{1f600}" },
];

describe("saslPrep", () => {
  for (const { name, text, want } of CASES) it(name, () => assert.equal(saslPrep(text), want));

  it("changes nothing that it has prepared", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const once = saslPrep(text);
        if (once !== undefined) assert.equal(saslPrep(once), once);
      }),
      { numRuns: 1000 },
    );
  });
});

/** Paths against the grammar: which are mended, into what, and which stay refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addressKey, isPathFault, parseAddress, parseLenientPath, parsePath } from "../../core/mail/mod.ts";
import { nearAddress } from "./address-fixtures.ts";

const mended = [
  { name: "no angle brackets", input: "ann@b.example", want: "ann@b.example" },
  { name: "two pairs of them", input: "<<ann@b.example>>", want: "ann@b.example" },
  { name: "spaces inside them", input: "<  ann@b.example >", want: "ann@b.example" },
  { name: "a dot behind the domain", input: "<ann@b.example.>", want: "ann@b.example" },
  { name: "the same without brackets", input: "ann@b.example.", want: "ann@b.example" },
  { name: "two dots in the local part", input: "<an..n@b.example>", want: '"an..n"@b.example' },
  { name: "a dot before it", input: "<.ann@b.example>", want: '".ann"@b.example' },
  { name: "a dot behind it", input: "<ann.@b.example>", want: '"ann."@b.example' },
  { name: "such dots beyond ASCII", input: "<änn.@b.example>", want: '"änn."@b.example' },
  { name: "all at once", input: "<< an..n@b.example. >>", want: '"an..n"@b.example' },
  { name: "a quoted string without brackets", input: '"a b"@b.example', want: '"a b"@b.example' },
  { name: "a source route before a dot", input: "<@a.example:ann@b.example.>", want: "ann@b.example" },
];
for (const { name, input, want } of mended) {
  test(`parseLenientPath mends ${name}, and keeps what came`, () => {
    assert.ok(isPathFault(parsePath(input)), "strictly it is refused");
    const parsed = parseLenientPath(input);
    assert.ok(parsed !== null && !isPathFault(parsed), JSON.stringify(parsed));
    assert.equal(parsed.text, want);
    assert.equal(parsed.raw, input);
  });
}

test("parseLenientPath gives null for < > as reverse-path, and a fault as forward-path", () => {
  assert.equal(parseLenientPath("< >", { kind: "reverse" }), null);
  assert.ok(isPathFault(parseLenientPath("< >")));
  for (const text of ["", " ", "<<>>", "<< >>"])
    assert.ok(isPathFault(parseLenientPath(text, { kind: "reverse" })), text);
});

test("parseLenientPath takes postmaster without brackets as forward-path alone", () => {
  const parsed = parseLenientPath("Postmaster");
  assert.ok(parsed !== null && !isPathFault(parsed));
  assert.equal(parsed.domain, "");
  assert.ok(isPathFault(parseLenientPath("postmaster", { kind: "reverse" })));
});

const refused = [
  { name: "a name without domain", input: "<ann>" },
  { name: "half of the brackets, in front", input: "<ann@b.example" },
  { name: "half of the brackets, behind", input: "ann@b.example>" },
  { name: "brackets that do not match", input: "<<ann@b.example>" },
  { name: "three pairs of brackets", input: "<<<ann@b.example>>>" },
  { name: "two dots behind the domain", input: "<ann@b.example..>" },
  { name: "two dots in the domain", input: "<ann@b..example>" },
  { name: "a dot before the domain", input: "<ann@.b.example>" },
  { name: "a dot behind an address literal", input: "<ann@[192.0.2.1].>" },
  { name: "a local part of dots alone", input: "<..@b.example>" },
  { name: "two @", input: "<ann@c.example@b.example>" },
  { name: "two addresses", input: "<ann@b.example>, <bob@b.example>" },
  { name: "two addresses without brackets", input: "ann@b.example,bob@b.example" },
  { name: "a whole address in quotes", input: '<"ann@b.example">' },
  { name: "a display name", input: "Ann <ann@b.example>" },
  { name: "a comment", input: "ann@b.example(Ann)" },
  { name: "a URL", input: "mailto:ann@b.example" },
  { name: "a backslash outside quotes", input: "<a\\nn@b.example>" },
  { name: "a space in the local part", input: "<a nn@b.example>" },
  { name: "spaces around the @", input: "<ann @ b.example>" },
  { name: "a tab inside the brackets", input: "<\tann@b.example>" },
  { name: "a line end", input: "<ann@b.example.\r\n>" },
  { name: "NUL", input: "<\0ann@b.example.>" },
  { name: "a zero-width space between brackets and address", input: "<\u200bann@b.example.>" },
  { name: "a no-break space there", input: "<\u00a0ann@b.example.>" },
  { name: "more than a path has room for", input: `<${" ".repeat(256)}ann@b.example>` },
];
for (const { name, input } of refused) {
  test(`parseLenientPath refuses ${name}`, () => {
    assert.ok(isPathFault(parseLenientPath(input)), JSON.stringify(parseLenientPath(input)));
  });
}

test("what the grammar takes is the same leniently, and what is mended means what it says", () => {
  fc.assert(
    fc.property(nearAddress, fc.constantFrom("reverse" as const, "forward" as const), (text, kind) => {
      const strict = parsePath(text, { kind });
      const lenient = parseLenientPath(text, { kind });
      if (strict === null || !isPathFault(strict)) {
        assert.deepEqual(lenient, strict);
        return;
      }
      if (lenient === null || isPathFault(lenient) || lenient.raw === undefined) {
        assert.ok(lenient === null || isPathFault(lenient));
        return;
      }
      assert.equal(lenient.raw, text);
      // The next hop, and a plugin that hands the address back, get one of the grammar.
      const again = parseAddress(lenient.text);
      assert.ok(!isPathFault(again));
      assert.equal(addressKey(again), addressKey(lenient));
      // Nobody else is meant: local part and domain stand in what came, the one before the other's "@".
      const inside = text.replace(/^[< ]+/, "").replace(/[> ]+$/, "");
      const at = inside.lastIndexOf("@");
      assert.equal(inside.slice(at + 1).replace(/\.$/, ""), lenient.domain);
      const written = inside.slice(0, at);
      if (!written.startsWith('"')) assert.equal(written.replace(/^@[^:]*:/, ""), lenient.localPart);
      else assert.ok(lenient.text.startsWith(`${written}@`));
    }),
    { numRuns: 3_000 },
  );
});

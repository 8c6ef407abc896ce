/** The line of a config's value: found where it is certain, else the nearest part around it, and never a wrong one. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import fc from "fast-check";
import { lineOfPath } from "../../core/cli/config-lines.ts";
import { tokenize } from "../../core/cli/tokenize.ts";

interface Case {
  readonly name: string;
  readonly source: string;
  readonly path: string;
  readonly want: number | undefined;
}

const OBJECT = `export default defineGateway({
  listeners: [
    { address: "127.0.0.1:25" },
    {
      name: "b",
      "address": 1,
      tls: { keyFile: "k",
        certFile: "c" },
    },
  ],
  limits: {
    idle: "1s",
  },
});
`;

const CASES: readonly Case[] = [
  { name: "a key", source: OBJECT, path: "limits", want: 11 },
  { name: "a key inside", source: OBJECT, path: "limits.idle", want: 12 },
  { name: "an element of a list", source: OBJECT, path: "listeners[1]", want: 4 },
  { name: "a key of an element", source: OBJECT, path: "listeners[0].address", want: 3 },
  { name: "a key in quotes", source: OBJECT, path: "listeners[1].address", want: 6 },
  { name: "a key two deep", source: OBJECT, path: "listeners[1].tls.certFile", want: 8 },
  {
    name: "a key that is not written: the part around it",
    source: OBJECT,
    path: "listeners[0].tls.keyFile",
    want: 3,
  },
  { name: "an element that is not there: the list", source: OBJECT, path: "listeners[7].name", want: 2 },
  { name: "a first key that is not written", source: OBJECT, path: "domains", want: undefined },
  { name: "a name that every object has", source: OBJECT, path: "constructor.name", want: undefined },
  {
    name: "a function that returns an object",
    source: 'export default defineGateway((env) => ({\n  data: env.X ?? "d",\n}));',
    path: "data",
    want: 2,
  },
  {
    name: "a function with a type and a body",
    source:
      "export default defineGateway(async (env: Environment) => {\n  const a = { data: 1 };\n  return {\n    data: a,\n  };\n});",
    path: "data.b",
    want: 4,
  },
  {
    name: "a function with two ways to return",
    source: "defineGateway((env) => {\n  if (env.A) return { data: 1 };\n  return { data: 2 };\n});",
    path: "data",
    want: undefined,
  },
  {
    name: "a config that is made by a call",
    source: "defineGateway(merge((env) => ({ data: 1 })));",
    path: "data",
    want: undefined,
  },
  {
    name: "a config in a variable",
    source: "const c = {\n data: 1 };\ndefineGateway(c);",
    path: "data",
    want: undefined,
  },
  {
    name: "two configs",
    source: "defineGateway({ data: 1 });\ndefineGateway({ data: 2 });",
    path: "data",
    want: undefined,
  },
  {
    name: "a part of what is given",
    source: "defineGateway({ x: {\n data: 1 } }.x);",
    path: "data",
    want: undefined,
  },
  {
    name: "a key before a spread that may set it anew",
    source: "defineGateway({\n  data: 1,\n  ...more,\n});",
    path: "data",
    want: undefined,
  },
  {
    name: "a key after a spread",
    source: "defineGateway({\n  ...more,\n  data: 1,\n});",
    path: "data",
    want: 3,
  },
  {
    name: "a key that is set twice",
    source: "defineGateway({\n  data: 1,\n  data: 2,\n});",
    path: "data",
    want: 3,
  },
  { name: "a key by its short form", source: "defineGateway({\n  data,\n});", path: "data.x", want: 2 },
  {
    name: "a list that a call changes",
    source: "defineGateway({\n  listeners: [\n    1,\n  ].reverse(),\n});",
    path: "listeners[0]",
    want: 2,
  },
  {
    name: "an element after a spread",
    source: "defineGateway({\n  listeners: [\n    ...a,\n    1 ] });",
    path: "listeners[1]",
    want: 2,
  },
  {
    name: "a next hop inside of a call",
    source: "defineGateway({\n  nextHops: {\n    backend: smtp({\n      port: 0 }) } });",
    path: "nextHops.backend.servers[0]",
    want: 3,
  },
  {
    name: "what stands in comments, strings, templates and regular expressions",
    source:
      '// defineGateway({ data: 0 })\n/* defineGateway({\n*/ defineGateway({\n  a: "data: } {",\n  b: `} @{ { data: `x@{1}` }.data }\n  data: {`,\n  c: /[/}]data: {/.test(x) ? 4 / 2 : 1 / 3,\n  data: 1,\n});'.replaceAll(
        "@{",
        "$\u007b",
      ),
    path: "data",
    want: 8,
  },
  {
    name: "types with commas",
    source: "defineGateway({\n  a: new Map<string, data>(),\n  data: 1,\n});",
    path: "data",
    want: 3,
  },
  {
    name: "brackets that do not match",
    source: "defineGateway({\n  data: [1),\n});",
    path: "data",
    want: undefined,
  },
  {
    name: "a comment that does not end",
    source: "defineGateway({\n  data: 1 });\n/* ",
    path: "data",
    want: undefined,
  },
];

describe("lineOfPath finds", () => {
  for (const { name, source, path, want } of CASES) {
    it(name, () => assert.equal(lineOfPath(source, path), want));
  }

  it("the lines of the default config", () => {
    const source = readFileSync(new URL("../../gateway.config.ts", import.meta.url), "utf8");
    const lines = source.split("\n");
    for (const key of ["listeners[0].address", "http", "data", "domains", "pipeline", "nextHops.backend"]) {
      const line = lines[(lineOfPath(source, key) ?? 0) - 1] ?? "";
      assert.ok(line.includes(`${key.split(".").at(-1)}:`), `${key}: ${line}`);
    }
  });
});

describe("tokenize", () => {
  it("ends on any text, with each bracket closed by its own kind", () => {
    const part = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      "(",
      ")",
      "`",
      "${",
      '"',
      "'",
      "/",
      "*",
      "//",
      "/*",
      "\\",
      "\n",
      "a",
      " ",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(part, fc.string({ unit: "binary" })), { maxLength: 60 }), (parts) => {
        const tokens = tokenize(parts.join(""));
        for (const token of tokens ?? []) {
          if (token.closedBy === undefined) continue;
          assert.match(token.text + (tokens?.[token.closedBy]?.text ?? ""), /^(?:\(\)|\[\]|\{\}|\$\{\})$/);
        }
      }),
    );
  });

  it("gives up on a source of more than a million characters", () => {
    assert.equal(tokenize(" ".repeat(1_000_001)), undefined);
    assert.deepEqual(tokenize(" ".repeat(1_000_000)), []);
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "postern";
import { countOption, functionOption, objectOption, parseOptions } from "../../plugins/options.ts";
import { assertOptionError } from "./fakes.ts";

const SCHEMA = objectOption({
  name: z.string({ error: "a name" }).optional(),
  count: countOption(1, 10).default(3),
  list: z.array(z.string({ error: "a text" }), "a list of texts").optional(),
  by: z
    .record(z.string().min(1, "a key that is not empty"), objectOption({ key: z.string({ error: "a key" }) }))
    .optional(),
  make: functionOption<() => string>("a function () => text").optional(),
});
const parse = (options: unknown, secrets?: readonly string[]) =>
  parseOptions("plugin", SCHEMA, options, secrets);

test("parseOptions gives the options with their defaults", () => {
  assert.deepEqual(parse({}), { count: 3 });
  assert.deepEqual(parse({ count: 10, list: [] }), { count: 10, list: [] });
});

const TABLE: readonly {
  name: string;
  options: unknown;
  secrets?: readonly string[];
  want: readonly string[];
}[] = [
  {
    name: "null",
    options: null,
    want: ["plugin: options: found null, expected an object with name, count, list, by, make"],
  },
  {
    name: "a number out of bounds",
    options: { count: 11 },
    want: ["plugin: count: found 11, expected a whole number from 1 to 10"],
  },
  {
    name: "a big integer",
    options: { count: 2n },
    want: ["plugin: count: found 2, expected a whole number from 1 to 10"],
  },
  {
    name: "an empty list",
    options: { name: [] },
    want: ["plugin: name: found an empty list, expected a name"],
  },
  {
    name: "a function",
    options: { list: () => [] },
    want: ["plugin: list: found a function, expected a list of texts"],
  },
  {
    name: "a place in a list",
    options: { list: ["a", 7] },
    want: ["plugin: list[1]: found 7, expected a text"],
  },
  {
    name: "a key that needs quotes",
    options: { by: { "a@b": {} } },
    want: ['plugin: by["a@b"].key: found nothing, expected a key'],
  },
  {
    name: "a wrong key",
    options: { by: { "": { key: "k" } } },
    want: ['plugin: by[""]: found an object, expected a key that is not empty'],
  },
  {
    name: "several faults, one line each",
    options: { count: 0, nmae: "x", make: "x" },
    want: [
      "plugin: count: found 0, expected a whole number from 1 to 10",
      'plugin: make: found "x", expected a function () => text',
      "plugin: nmae: found an unknown option, expected one of: name, count, list, by, make",
    ],
  },
  {
    name: "a long value, cut",
    options: { make: "x".repeat(500) },
    want: [`plugin: make: found "${"x".repeat(79)}..., expected a function () => text`],
  },
  {
    name: "line ends in a value, escaped",
    options: { make: "a\r\nb" },
    want: ['plugin: make: found "a\\r\\nb", expected a function () => text'],
  },
  {
    name: "a secret, not shown",
    options: { by: { a: { key: 7 } } },
    secrets: ["by"],
    want: ["plugin: by.a.key: found a value that is not shown, expected a key"],
  },
  {
    name: "what stands in place of secret options, not shown",
    options: "hunter2",
    secrets: ["by"],
    want: [
      "plugin: options: found a value that is not shown, expected an object with name, count, list, by, make",
    ],
  },
];
for (const { name, options, secrets, want } of TABLE) {
  test(`parseOptions tells of ${name}`, () => assertOptionError(() => parse(options, secrets), want));
}

test("parseOptions tells the first 20 faults", () => {
  const options = { list: Array.from({ length: 100 }, (_, i) => i) };
  const want = Array.from({ length: 20 }, (_, i) => `plugin: list[${i}]: found ${i}, expected a text`);
  assertOptionError(() => parse(options), want);
});

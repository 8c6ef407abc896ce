import { test } from "node:test";
import { headers } from "../../../plugins/rewrite/headers.ts";
import { assertOptionError } from "../fakes.ts";

const WORDS = "facts, remove, replace, add, allowProtected";
const FIELD_NAME = "a field name of up to 76 visible ASCII characters without ':'";
const add = (change: unknown) => ({ add: [change] });
const TABLE: readonly { name: string; options: unknown; want: readonly string[] }[] = [
  {
    name: "no options",
    options: undefined,
    want: [`headers: options: found nothing, expected an object with ${WORDS}`],
  },
  {
    name: "an unknown option",
    options: { set: [] },
    want: [`headers: set: found an unknown option, expected one of: ${WORDS}`],
  },
  {
    name: "a fact that is no list",
    options: { facts: {} },
    want: ["headers: facts: found an object, expected a list of facts"],
  },
  {
    name: "one name for a list",
    options: { remove: "X-A" },
    want: ['headers: remove: found "X-A", expected a list of field names'],
  },
  {
    name: "a name with a colon",
    options: { remove: ["X-A:"] },
    want: [`headers: remove[0].name: found "X-A:", expected ${FIELD_NAME}`],
  },
  {
    name: "a name with a line end",
    options: add({ name: "X-A\r\nBcc", value: "x" }),
    want: [`headers: add[0].name: found "X-A\\r\\nBcc", expected ${FIELD_NAME}`],
  },
  {
    name: "a name that is too long",
    options: { remove: ["X".repeat(77)] },
    want: [`headers: remove[0].name: found "${"X".repeat(77)}", expected ${FIELD_NAME}`],
  },
  {
    name: "no name",
    options: add({ value: "x" }),
    want: ["headers: add[0].name: found nothing, expected a field name"],
  },
  {
    name: "no value",
    options: add({ name: "X-A" }),
    want: ["headers: add[0].value: found nothing, expected a text of one line, or a function"],
  },
  {
    name: "a number for a value",
    options: add({ name: "X-A", value: 7 }),
    want: ["headers: add[0].value: found 7, expected a text of one line, or a function"],
  },
  {
    name: "a value of two lines",
    options: { replace: [{ name: "X-A", value: "a\r\nBcc: b" }] },
    want: ['headers: replace[0].value: found "a\\r\\nBcc: b", expected a text of one line'],
  },
  {
    name: "an empty reason",
    options: add({ name: "X-A", value: "x", reason: "" }),
    want: ['headers: add[0].reason: found "", expected a text'],
  },
  {
    name: "a position of a replaced field",
    options: { replace: [{ name: "X-A", value: "x", position: "top" }] },
    want: ["headers: replace[0].position: found an unknown option, expected one of: name, value, reason"],
  },
  {
    name: "a position that is none",
    options: add({ name: "X-A", value: "x", position: "bottom" }),
    want: [
      "headers: add[0].position: found \"bottom\", expected 'top' or { after: name, n: 0 for the first }",
    ],
  },
  {
    name: "a protected field in each list",
    options: {
      remove: ["Received"],
      replace: [{ name: "CONTENT-TYPE", value: "x" }],
      add: [{ name: "DKIM-Signature", value: "x" }],
    },
    want: [
      "headers: remove[0].name: found \"Received\", expected a field that is not protected, or 'Received' in allowProtected",
      "headers: replace[0].name: found \"CONTENT-TYPE\", expected a field that is not protected, or 'CONTENT-TYPE' in allowProtected",
      "headers: add[0].name: found \"DKIM-Signature\", expected a field that is not protected, or 'DKIM-Signature' in allowProtected",
    ],
  },
  {
    name: "a protected field beside one that is allowed",
    options: { remove: ["Received", "Return-Path"], allowProtected: ["received"] },
    want: [
      "headers: remove[1].name: found \"Return-Path\", expected a field that is not protected, or 'Return-Path' in allowProtected",
    ],
  },
];
for (const { name, options, want } of TABLE) {
  test(`headers tells ${name} in ${want.length === 1 ? "a line" : "lines"}`, () => {
    assertOptionError(() => headers(options as never), want);
  });
}

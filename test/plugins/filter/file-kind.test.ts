import assert from "node:assert/strict";
import { test } from "node:test";
import { sniffType } from "../../../plugins/filter/file-kind.ts";

test("sniffType knows a program by its first octets, and a text that begins like one as nothing", () => {
  const header = new Uint8Array(64);
  header.set([0x4d, 0x5a, 0x90]);
  assert.equal(sniffType(header), "application/x-msdownload");
  assert.equal(sniffType(new TextEncoder().encode("MZ is short for Ministerstvo zdravotnictvi")), undefined);
  assert.equal(sniffType(new TextEncoder().encode("Hello")), undefined);
  assert.equal(sniffType(new Uint8Array(0)), undefined);
});

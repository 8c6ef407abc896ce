import assert from "node:assert/strict";
import { test } from "node:test";
import type { Identity } from "postern";
import { mayWriteAs } from "../../../plugins/auth/may-write-as.ts";

const TABLE: readonly { name: string; identity: Identity; address: string; want: boolean }[] = [
  {
    name: "the user's own address",
    identity: { user: "a@one.example" },
    address: "a@one.example",
    want: true,
  },
  {
    name: "another letter case",
    identity: { user: "Ann@One.Example" },
    address: "aNN@oNE.example",
    want: true,
  },
  { name: "another local part", identity: { user: "a@one.example" }, address: "b@one.example", want: false },
  { name: "another domain", identity: { user: "a@one.example" }, address: "a@two.example", want: false },
  {
    name: "a domain that ends alike",
    identity: { user: "a@one.example" },
    address: "a@x.one.example",
    want: false,
  },
  { name: "a name that is no address", identity: { user: "ann" }, address: "ann@one.example", want: false },
  {
    name: "a name that looks like a whole domain",
    identity: { user: "@one.example" },
    address: "b@one.example",
    want: false,
  },
  {
    name: "a whole domain that was given",
    identity: { user: "ann", maySendAs: ["@one.example"] },
    address: "b@ONE.example",
    want: true,
  },
  {
    name: "a domain below one that was given",
    identity: { user: "ann", maySendAs: ["@one.example"] },
    address: "b@sub.one.example",
    want: false,
  },
  {
    name: "the second of two given",
    identity: { user: "ann", maySendAs: ["a@one.example", "b@one.example"] },
    address: "b@one.example",
    want: true,
  },
  {
    name: "the own address where others are given",
    identity: { user: "a@one.example", maySendAs: ["b@one.example"] },
    address: "a@one.example",
    want: false,
  },
  {
    name: "anything where none is given",
    identity: { user: "a@one.example", maySendAs: [] },
    address: "a@one.example",
    want: false,
  },
  {
    name: "a U-label for an A-label",
    identity: { user: "a@xn--bcher-kva.example" },
    address: "a@B\u00fccher.example",
    want: true,
  },
  {
    name: "what only looks alike",
    identity: { user: "a@one.example" },
    address: "a@\u043ene.example",
    want: false,
  },
  {
    name: "a local part with an at sign",
    identity: { user: "ann", maySendAs: ["@one.example"] },
    address: "x@evil.example@one.example",
    want: true,
  },
];

for (const { name, identity, address, want } of TABLE) {
  test(`mayWriteAs ${want ? "lets pass" : "refuses"} ${name}`, () => {
    const at = address.lastIndexOf("@");
    assert.equal(mayWriteAs(identity, address.slice(0, at), address.slice(at + 1)), want);
  });
}

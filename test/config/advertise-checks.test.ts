/** What a listener's `advertise` may not promise, because the listener itself could not keep it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { linesOf, resolveLoose, settings } from "./resolve-fixtures.ts";

const PEM = { keyFile: "k.pem", certFile: "c.pem" };
const rows = [
  {
    name: "REQUIRETLS without tls",
    input: { listeners: [{ address: 0, advertise: { requireTls: true } }] },
    want: [
      "listeners[0].advertise.requireTls: found true, expected false, because the listener has no tls, and REQUIRETLS is offered under TLS only",
    ],
  },
  {
    name: "REQUIRETLS with tls",
    input: { listeners: [{ address: 0, tls: PEM, advertise: { requireTls: true } }] },
    want: [],
  },
  {
    name: "SMTPUTF8 without 8BITMIME, of the second listener",
    input: {
      listeners: [
        { address: 0, advertise: { smtputf8: true } },
        { name: "b", address: 0, advertise: { smtputf8: true, eightBitMime: false } },
      ],
    },
    want: [
      "listeners[1].advertise.eightBitMime: found false, expected true, because who offers SMTPUTF8 must offer 8BITMIME (RFC 6531 3.1)",
    ],
  },
  {
    name: "a SIZE over the limit of all listeners",
    input: {
      listeners: [{ address: 0, advertise: { messageBytesMax: "2MB" } }],
      limits: { messageBytesMax: "1MB" },
    },
    want: [
      "listeners[0].advertise.messageBytesMax: found 2097152, expected at most limits.messageBytesMax, which is 1048576",
    ],
  },
  {
    name: "a SIZE of just the limit",
    input: {
      listeners: [{ address: 0, advertise: { messageBytesMax: "1MB" } }],
      limits: { messageBytesMax: "1MB" },
    },
    want: [],
  },
];

describe("resolveConfig, of a listener's advertise, ", () => {
  for (const { name, input, want } of rows) {
    it(`${want.length === 0 ? "takes" : "refuses"} ${name}`, async () => {
      if (want.length > 0) assert.deepEqual(await linesOf(settings(input)), want);
      else assert.ok((await resolveLoose(settings(input))).listeners[0]?.advertise);
    });
  }
});

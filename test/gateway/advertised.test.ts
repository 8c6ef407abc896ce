/** What a listener offers: listener x mode x next hop x spool, as a table. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type AdvertiseOverride, lmtp, mailbox, mx, type NextHop, smtp } from "postern";
import { advertisedOf, advertisedWords, type KnownNextHops } from "../../core/gateway/advertised.ts";
import type { NextHopExtensions } from "../../core/gateway/mod.ts";

const ALL: NextHopExtensions = { eightBitMime: true, smtputf8: true, dsn: true, requireTls: true };
const OLD: NextHopExtensions = { eightBitMime: false, smtputf8: false, dsn: false, requireTls: false };
const MAILBOX: NextHopExtensions = { eightBitMime: true, smtputf8: true, dsn: false, requireTls: false };
const EVERY = "8BITMIME SMTPUTF8 DSN REQUIRETLS";

const inline = smtp("a.example");
const queue = smtp({ host: "a.example", mode: "queue" });

interface Row {
  readonly name: string;
  /** Next hops with what their last EHLO offered; undefined: not known. */
  readonly hops: readonly (readonly [NextHop, NextHopExtensions | undefined])[];
  readonly spool?: true;
  readonly override?: AdvertiseOverride;
  readonly want: string;
}

const rows: readonly Row[] = [
  // One next hop, by kind and mode.
  { name: "inline smtp that offers all", hops: [[inline, ALL]], want: EVERY },
  { name: "inline smtp not heard yet", hops: [[inline, undefined]], want: "nothing" },
  { name: "inline smtp of old times", hops: [[inline, OLD]], want: "nothing" },
  { name: "inline smtp with SIZE", hops: [[inline, { ...OLD, size: 5000 }]], want: "SIZE 5000" },
  {
    name: "inline smtp without DSN",
    hops: [[inline, { ...ALL, dsn: false }]],
    want: "8BITMIME SMTPUTF8 REQUIRETLS",
  },
  {
    name: "inline smtp without REQUIRETLS",
    hops: [[inline, { ...ALL, requireTls: false }]],
    want: "8BITMIME SMTPUTF8 DSN",
  },
  {
    name: "inline smtp without SMTPUTF8",
    hops: [[inline, { ...ALL, smtputf8: false }]],
    want: "8BITMIME DSN REQUIRETLS",
  },
  {
    name: "SMTPUTF8 without 8BITMIME, which is none (RFC 6531 3.1)",
    hops: [[inline, { ...ALL, eightBitMime: false }]],
    want: "DSN REQUIRETLS",
  },
  { name: "inline smtp with a spool", spool: true, hops: [[inline, OLD]], want: "nothing" },
  { name: "inline lmtp that offers all", hops: [[lmtp("a.example"), ALL]], want: EVERY },
  {
    name: "inline lmtp not heard yet, with a spool",
    spool: true,
    hops: [[lmtp("a.example"), undefined]],
    want: "nothing",
  },
  { name: "inline mx, whose hosts nobody names", hops: [[mx(), undefined]], want: "nothing" },
  { name: "mailbox", hops: [[mailbox(), MAILBOX]], want: "8BITMIME SMTPUTF8" },
  { name: "mailbox with a spool", spool: true, hops: [[mailbox(), MAILBOX]], want: "8BITMIME SMTPUTF8" },
  { name: "queued smtp of old times, with a spool", spool: true, hops: [[queue, OLD]], want: EVERY },
  { name: "queued smtp not heard yet, with a spool", spool: true, hops: [[queue, undefined]], want: EVERY },
  {
    name: "queued smtp with SIZE, with a spool",
    spool: true,
    hops: [[queue, { ...OLD, size: 5000 }]],
    want: EVERY,
  },
  {
    name: "queued lmtp, with a spool",
    spool: true,
    hops: [[lmtp({ host: "a.example", mode: "queue" }), OLD]],
    want: EVERY,
  },
  { name: "queued mx, with a spool", spool: true, hops: [[mx({ mode: "queue" }), undefined]], want: EVERY },
  { name: "mode queue without a spool, which keeps nothing", hops: [[queue, undefined]], want: "nothing" },
  {
    name: "mode queue without a spool, heard",
    hops: [[queue, { ...ALL, dsn: false }]],
    want: "8BITMIME SMTPUTF8 REQUIRETLS",
  },
  // Several.
  { name: "no next hop", hops: [], want: "nothing" },
  {
    name: "two that offer all",
    hops: [
      [inline, ALL],
      [inline, ALL],
    ],
    want: EVERY,
  },
  {
    name: "the least SIZE",
    hops: [
      [inline, { ...ALL, size: 9000 }],
      [inline, ALL],
      [inline, { ...ALL, size: 7000 }],
    ],
    want: `${EVERY} SIZE 7000`,
  },
  {
    name: "smtp and mailbox",
    hops: [
      [inline, ALL],
      [mailbox(), MAILBOX],
    ],
    want: "8BITMIME SMTPUTF8",
  },
  {
    name: "one of two not heard yet",
    hops: [
      [inline, { ...ALL, size: 9000 }],
      [inline, undefined],
    ],
    want: "SIZE 9000",
  },
  {
    name: "each without another",
    hops: [
      [inline, { ...ALL, dsn: false }],
      [inline, { ...ALL, smtputf8: false }],
    ],
    want: "8BITMIME REQUIRETLS",
  },
  {
    name: "inline and queued, with a spool",
    spool: true,
    hops: [
      [inline, { ...ALL, dsn: false, size: 9000 }],
      [queue, OLD],
    ],
    want: "8BITMIME SMTPUTF8 REQUIRETLS SIZE 9000",
  },
  // The listener says otherwise.
  { name: "override: all, whatever the next hop is", hops: [[inline, OLD]], override: ALL, want: EVERY },
  { name: "override: all, with no next hop", hops: [], override: ALL, want: EVERY },
  { name: "override: nothing", hops: [[inline, ALL]], override: OLD, want: "nothing" },
  {
    name: "override: no DSN, the rest is computed",
    hops: [[inline, ALL]],
    override: { dsn: false },
    want: "8BITMIME SMTPUTF8 REQUIRETLS",
  },
  {
    name: "override: DSN before anything is heard",
    hops: [[inline, undefined]],
    override: { dsn: true },
    want: "DSN",
  },
  {
    name: "override: SMTPUTF8 brings 8BITMIME",
    hops: [[inline, OLD]],
    override: { smtputf8: true },
    want: "8BITMIME SMTPUTF8",
  },
  {
    name: "override: without 8BITMIME no SMTPUTF8",
    hops: [[inline, ALL]],
    override: { eightBitMime: false },
    want: "DSN REQUIRETLS",
  },
  {
    name: "override: a larger size",
    hops: [[inline, { ...ALL, size: 7000 }]],
    override: { messageBytesMax: 8000 },
    want: `${EVERY} SIZE 8000`,
  },
  {
    name: "override: a smaller size",
    hops: [[inline, ALL]],
    override: { messageBytesMax: 6000 },
    want: `${EVERY} SIZE 6000`,
  },
  { name: "override: an object without a word", hops: [[inline, ALL]], override: {}, want: EVERY },
];

describe("advertisedOf", () => {
  for (const { name, hops, spool, override, want } of rows) {
    it(`offers ${want} for ${name}`, () => {
      const known: KnownNextHops = {
        nextHops: Object.fromEntries(hops.map(([hop], index) => [`hop${index}`, hop])),
        offered: (hop) => hops[Number(hop.slice(3))]?.[1],
        durableSpool: spool === true,
      };
      assert.equal(advertisedWords(advertisedOf(override, known)), want);
    });
  }
});

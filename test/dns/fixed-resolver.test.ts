/** What fixedResolver answers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixedResolver, type Zone } from "../../core/dns/mod.ts";

test("fixedResolver tells records, nodata, nxdomain and faults apart", async () => {
  const dns = fixedResolver({
    "a.example": { A: ["192.0.2.1"], AAAA: [], TXT: "servfail", PTR: "timeout", NS: "nxdomain" },
  });
  assert.deepEqual(await dns.resolve("A.example.", "A"), {
    status: "found",
    records: ["192.0.2.1"],
    ttlSeconds: 60,
  });
  assert.equal((await dns.resolve("a.example", "MX")).status, "nodata");
  assert.equal((await dns.resolve("a.example", "AAAA")).status, "nodata");
  assert.equal((await dns.resolve("a.example", "TXT")).status, "servfail");
  assert.equal((await dns.resolve("a.example", "PTR")).status, "timeout");
  assert.equal((await dns.resolve("a.example", "NS")).status, "nxdomain");
  assert.equal((await dns.resolve("b.example", "A")).status, "nxdomain");
  assert.equal((await dns.resolve("constructor", "A")).status, "nxdomain");
});

test("fixedResolver takes names of the zone in any case, with or without the final dot", async () => {
  const dns = fixedResolver({ "A.Example.": { TXT: ["here"] } });
  assert.equal((await dns.resolve("a.example", "TXT")).status, "found");
});

test("fixedResolver rejects with the signal's reason when it is aborted", async () => {
  const reason = new Error("too late");
  await assert.rejects(fixedResolver({}).resolve("a.example", "A", AbortSignal.abort(reason)), reason);
});

test("fixedResolver refuses a zone with a name twice, and a record that stands in no list", () => {
  assert.throws(
    () => fixedResolver({ "a.example": {}, "A.example.": {} }),
    /the zone has 'a\.example' twice/,
  );
  const zone = { "a.example": { TXT: "v=spf1 -all" } } as unknown as Zone;
  assert.throws(
    () => fixedResolver(zone),
    /the zone's TXT of 'a\.example' is no outcome: write records as a list/,
  );
});

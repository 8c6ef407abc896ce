/** What fixedResolver answers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixedResolver } from "../../core/dns/mod.ts";

test("fixedResolver tells records, nodata, nxdomain and faults apart", async () => {
  const dns = fixedResolver({ "a.example": { A: ["192.0.2.1"], TXT: "servfail" } });
  assert.deepEqual(await dns.resolve("A.example.", "A"), {
    status: "found",
    records: ["192.0.2.1"],
    ttlSeconds: 60,
  });
  assert.equal((await dns.resolve("a.example", "MX")).status, "nodata");
  assert.equal((await dns.resolve("a.example", "TXT")).status, "servfail");
  assert.equal((await dns.resolve("b.example", "A")).status, "nxdomain");
});

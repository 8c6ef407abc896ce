/** Whom a listener trusts when its config does not say. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { good, resolveLoose } from "./resolve-fixtures.ts";

describe("resolveConfig", () => {
  for (const key of ["proxyProtocol", "xclient", "xforward", "upstreams"]) {
    it(`trusts nobody by default on a listener on loopback that has ${key}`, async () => {
      const listeners = [{ address: "127.0.0.1:25", [key]: ["127.0.0.1"] }];
      const config = await resolveLoose({ ...good, listeners });
      assert.deepEqual(config.listeners[0]?.trustedNetworks, []);
      const said = [{ ...listeners[0], trustedNetworks: ["127.0.0.0/8"] }];
      const other = await resolveLoose({ ...good, listeners: said });
      assert.deepEqual(other.listeners[0]?.trustedNetworks, ["127.0.0.0/8"]);
    });
  }

  it("trusts nobody on a listener off loopback", async () => {
    const config = await resolveLoose({
      ...good,
      listeners: [{ address: "[::]:25" }],
      domains: ["example.com"],
    });
    assert.deepEqual(config.listeners[0]?.trustedNetworks, []);
  });
});

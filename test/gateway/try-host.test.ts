/** What a host tries before its first client. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigFaults, resolveConfig } from "../../core/config/mod.ts";
import { selfTest, webCrypto } from "../../core/gateway/mod.ts";
import { defineGateway, mailbox, pipeline, routeTo } from "../../core/mod.ts";
import { type Crypto, definePlugin } from "../../core/pipeline/mod.ts";
import { nodeCrypto } from "../../core/store/mod.ts";

const router = definePlugin({ name: "router", routes: true, route: () => routeTo("backend") });
type SelfTest = NonNullable<Parameters<typeof definePlugin>[0]["selfTest"]>;
const configOf = (own?: SelfTest) =>
  resolveConfig(
    defineGateway({
      nextHops: { backend: mailbox() },
      pipeline: pipeline(definePlugin({ name: "own", ...(own ? { selfTest: own } : {}) }), router),
    }),
    {},
    {},
  );

const faultsOf = async (crypto: Crypto, own?: SelfTest): Promise<readonly string[]> => {
  try {
    await selfTest(await configOf(own), crypto);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigFaults);
    return error.message.split("\n");
  }
};
const words = (type: string): string =>
  `found a host that does not verify the ${type} signature of RFC 8463 A, expected one whose cryptography works; run it on another version of the platform`;

for (const [name, crypto] of [
  ["nodeCrypto", nodeCrypto],
  ["webCrypto", webCrypto],
] as const)
  test(`selfTest finds nothing wrong with ${name}`, async () => assert.deepEqual(await faultsOf(crypto), []));

test("selfTest tells a host that calls every signature wrong, or right, and one that can not verify at all", async () => {
  const both = [words("rsa"), words("ed25519")];
  assert.deepEqual(await faultsOf({ ...nodeCrypto, verify: async () => false }), both);
  assert.deepEqual(await faultsOf({ ...nodeCrypto, verify: async () => true }), both);
  const none = async (): Promise<never> => Promise.reject(new Error("not supported"));
  assert.deepEqual(await faultsOf({ ...nodeCrypto, verify: none }), both);
  const noEd25519: Crypto = {
    ...nodeCrypto,
    verifyKey: async (type, octets) => (type === "rsa" ? nodeCrypto.verifyKey(type, octets) : undefined),
  };
  assert.deepEqual(await faultsOf(noEd25519), [words("ed25519")]);
});

test("selfTest tells what a plugin's own test says or throws, by the plugin's name", async () => {
  assert.deepEqual(await faultsOf(nodeCrypto, () => ["a", "b"]), ["pipeline: own: a", "pipeline: own: b"]);
  const thrown = () => {
    throw new Error("broken");
  };
  assert.deepEqual(await faultsOf(nodeCrypto, thrown), ["pipeline: own: its self-test failed: broken"]);
  assert.deepEqual(
    await faultsOf(nodeCrypto, ({ crypto }) => (crypto === nodeCrypto ? [] : ["another"])),
    [],
  );
});

test("definePlugin refuses a selfTest that is no function, and published keys without their parts", () => {
  assert.throws(() => definePlugin({ name: "p", selfTest: true as never }), /its 'selfTest' is no function/);
  const keys = [{ selector: "s", algorithm: "rsa", bits: 2048, warnings: [] }];
  assert.throws(
    () => definePlugin({ name: "p", publishedKeys: keys as never }),
    /its 'publishedKeys' is a list of \{ domain,/,
  );
});

/**
 * What a host tries before its first client: that its cryptography verifies, by the published example of RFC 8463 A, and
 * what plugins try of it themselves, as each key that signs. Some platforms lack an algorithm and say so only by calling
 * every signature wrong. Takes some milliseconds.
 */
import { type ConfigFault, ConfigFaults, type GatewayConfig } from "../config/mod.ts";
import { decodeBase64 } from "../mail/mod.ts";
import { type Crypto, compilePipeline, digestOf, type KeyType } from "../pipeline/mod.ts";

/** For the tests of one plugin: one that hangs must not keep the gateway from saying so. */
const SELF_TEST_MS_MAX = 5_000;
/** Lines told of one plugin. */
const FAULTS_MAX = 20;

/** @throws ConfigFaults with all that does not work, naming the plugin where it is one's own test */
export async function selfTest(config: GatewayConfig, crypto: Crypto): Promise<void> {
  const faults: ConfigFault[] = [];
  for (const example of EXAMPLES) {
    if (await verifies(example, crypto)) continue;
    faults.push({
      path: "",
      found: `a host that does not verify the ${example.type} signature of RFC 8463 A`,
      expected: "one whose cryptography works",
      todo: "run it on another version of the platform",
    });
  }
  for (const { definition } of compilePipeline(config.pipeline).slots) {
    if (!definition.selfTest) continue;
    const path = `pipeline: ${definition.name}`;
    const test = async (): Promise<readonly string[]> => (await definition.selfTest?.({ crypto })) ?? [];
    const lines = await inTime(test());
    faults.push(...lines.slice(0, FAULTS_MAX).map((expected) => ({ path, expected })));
  }
  if (faults.length > 0) throw new ConfigFaults(faults);
}

async function inTime(test: Promise<readonly string[]>): Promise<readonly string[]> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<readonly string[]>((resolve) => {
    const words = `its self-test is not over after ${SELF_TEST_MS_MAX / 1000} s; see what it waits for`;
    timer = setTimeout(() => resolve([words]), SELF_TEST_MS_MAX);
  });
  try {
    return await Promise.race([test, late]);
  } catch (error) {
    return [`its self-test failed: ${error instanceof Error ? error.message : String(error)}`];
  } finally {
    clearTimeout(timer);
  }
}

/** Also that a changed octet is told: an engine that calls everything right opens the door. */
async function verifies({ type, publicKey, signed, signature }: Example, crypto: Crypto): Promise<boolean> {
  try {
    const key = await crypto.verifyKey(type, decodeBase64(publicKey)!);
    if (!key) return false;
    const octets = decodeBase64(signature)!;
    const right = await bytesOf(type, signed, crypto);
    const wrong = await bytesOf(type, signed.replace("dinner", "supper"), crypto);
    return (
      (await crypto.verify(key, "sha256", right, octets)) &&
      !(await crypto.verify(key, "sha256", wrong, octets))
    );
  } catch {
    return false;
  }
}

/** RFC 8463 3: Ed25519 signs the hash. */
async function bytesOf(type: KeyType, text: string, crypto: Crypto): Promise<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  return type === "rsa" ? bytes : digestOf(crypto, "sha256", bytes);
}

interface Example {
  readonly type: KeyType;
  /** Base64. */
  readonly publicKey: string;
  /** The header fields in relaxed form, the signature's own last. */
  readonly signed: string;
  /** Base64. */
  readonly signature: string;
}

const signedBy = (algorithm: string, selector: string): string =>
  [
    "from:Joe SixPack <joe@football.example.com>",
    "to:Suzie Q <suzie@shopping.example.net>",
    "subject:Is dinner ready?",
    "date:Fri, 11 Jul 2003 21:00:37 -0700 (PDT)",
    "message-id:<20030712040037.46341.5F8J@football.example.com>",
    `dkim-signature:v=1; a=${algorithm}; c=relaxed/relaxed; d=football.example.com; i=@football.example.com; q=dns/txt; s=${selector}; t=1528637909; h=from : to : subject : date : message-id : from : subject : date; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=`,
  ].join("\r\n");

const EXAMPLES: readonly Example[] = [
  {
    type: "rsa",
    publicKey:
      "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB",
    signed: signedBy("rsa-sha256", "test"),
    signature:
      "F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2JzdA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=",
  },
  {
    type: "ed25519",
    publicKey: "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    signed: signedBy("ed25519-sha256", "brisbane"),
    signature: "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==",
  },
];

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { webCrypto } from "../../../../core/gateway/mod.ts";
import { hmacSha1 } from "../../../../plugins/auth/srs/hmac-sha1.ts";
import {
  addressOf,
  isSrs,
  type Parts,
  type SrsSigner,
  srsOf,
} from "../../../../plugins/auth/srs/srs-address.ts";

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 0, 1, 12);
const signerOf = (keys: readonly string[], more: Partial<SrsSigner> = {}): SrsSigner => ({
  crypto: webCrypto,
  keys: keys.map((key) => new TextEncoder().encode(key)),
  hashCharacters: 8,
  ageDaysMax: 21,
  ...more,
});
const SIGNER = signerOf(["a first secret of ours"]);
const ANN: Parts = { localPart: "ann", domain: "elsewhere.example" };

test("hmacSha1 gives what Node's own gives, and the vectors of RFC 2202", async () => {
  const vectors: readonly [Uint8Array, Uint8Array, string][] = [
    [new Uint8Array(20).fill(0x0b), Buffer.from("Hi There"), "b617318655057264e28bc0b6fb378c8ef146be00"],
    [
      Buffer.from("Jefe"),
      Buffer.from("what do ya want for nothing?"),
      "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
    ],
    [
      new Uint8Array(80).fill(0xaa),
      Buffer.from("Test Using Larger Than Block-Size Key - Hash Key First"),
      "aa4ae5e15272d00e95705637ce8a3b55ed402112",
    ],
  ];
  for (const [key, bytes, want] of vectors) {
    assert.equal(Buffer.from(await hmacSha1(webCrypto, key, bytes)).toString("hex"), want);
  }
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ maxLength: 300 }),
      async (key, bytes) => {
        const want = createHmac("sha1", key).update(bytes).digest();
        assert.deepEqual(Buffer.from(await hmacSha1(webCrypto, key, bytes)), want);
      },
    ),
  );
});

const FORMS: readonly { text: string; want: boolean }[] = [
  { text: "SRS0=a=b=c=d", want: true },
  { text: "srs0+a=b=c=d", want: true },
  { text: "SRS1-a=b==c", want: true },
  { text: "SRS0", want: false },
  { text: "SRS2=a=b=c=d", want: false },
  { text: "SRS0a=b", want: false },
  { text: "xSRS0=a=b=c=d", want: false },
];
for (const { text, want } of FORMS) {
  test(`isSrs is ${want} of '${text}'`, () => assert.equal(isSrs(text), want));
}

test("srsOf names the day and the address, and addressOf gives it back", async () => {
  const made = await srsOf(ANN, NOW, SIGNER);
  assert.match(made, /^SRS0=[A-Za-z0-9+/]{8}=[A-Z2-7]{2}=elsewhere\.example=ann$/);
  assert.deepEqual(await addressOf(made, NOW, SIGNER), ANN);
});

test("srsOf makes an SRS1 of another's SRS0, and of another's SRS1 without those between", async () => {
  const other = signerOf(["the secret of another server"]);
  const first = { localPart: await srsOf(ANN, NOW, other), domain: "first.example" };
  const second = await srsOf(first, NOW, SIGNER);
  assert.match(second, /^SRS1=[A-Za-z0-9+/]{8}=first\.example==/);
  assert.deepEqual(await addressOf(second, NOW, SIGNER), first);
  const third = await srsOf({ localPart: second, domain: "second.example" }, NOW, other);
  assert.match(third, /^SRS1=[A-Za-z0-9+/]{8}=first\.example==/);
  assert.deepEqual(await addressOf(third, NOW, other), first);
});

test("srsOf keeps the separator of another's SRS0", async () => {
  for (const separator of ["=", "+", "-"]) {
    const first = { localPart: `SRS0${separator}HHH=TT=elsewhere.example=ann`, domain: "first.example" };
    assert.deepEqual(await addressOf(await srsOf(first, NOW, SIGNER), NOW, SIGNER), first);
  }
});

test("srsOf wraps what only looks like an SRS1", async () => {
  for (const localPart of ["SRS1=", "SRS1=a", "SRS1=a=b", "SRS1=a=b=c", "SRS1=a=not a domain==c"]) {
    const made = await srsOf({ localPart, domain: "first.example" }, NOW, SIGNER);
    assert.match(made, /^SRS0=/);
    assert.deepEqual(await addressOf(made, NOW, SIGNER), { localPart, domain: "first.example" });
  }
});

const AGES: readonly { days: number; want: "ann" | "expired" }[] = [
  { days: 0, want: "ann" },
  { days: 1, want: "ann" },
  { days: 21, want: "ann" },
  { days: 22, want: "expired" },
  { days: 400, want: "expired" },
  // The server that made it has its clock before ours.
  { days: -1, want: "ann" },
  { days: -2, want: "expired" },
  // Stamps come round after 1,024 days.
  { days: 1_022, want: "expired" },
];
for (const { days, want } of AGES) {
  test(`addressOf finds a way back of ${days} days ago ${want === "ann" ? "good" : want}`, async () => {
    for (const now of [NOW, 1_024 * 20 * DAY, 1_024 * 20 * DAY + 5 * DAY]) {
      const made = await srsOf(ANN, now - days * DAY, SIGNER);
      assert.deepEqual(await addressOf(made, now, SIGNER), want === "ann" ? ANN : want);
    }
  });
}

test("addressOf takes any of the keys, and the first one signs", async () => {
  const [old, young] = [
    signerOf(["the older of the secrets"]),
    signerOf(["the younger secret", "the older of the secrets"]),
  ];
  assert.deepEqual(await addressOf(await srsOf(ANN, NOW, old), NOW, young), ANN);
  assert.equal(await addressOf(await srsOf(ANN, NOW, young), NOW, old), "forged");
  assert.equal(await addressOf(await srsOf(ANN, NOW, SIGNER), NOW, young), "forged");
});

test("addressOf takes a way back whose letters another server made small or large", async () => {
  const other = {
    localPart: await srsOf(ANN, NOW, signerOf(["another server's secret"])),
    domain: "first.example",
  };
  for (const address of [ANN, other]) {
    const made = await srsOf(address, NOW, SIGNER);
    for (const changed of [made.toLowerCase(), made.toUpperCase()]) {
      const back = await addressOf(changed, NOW, SIGNER);
      assert.ok(typeof back === "object", changed);
      assert.equal(back.domain, address.domain);
      assert.equal(back.localPart.toLowerCase(), address.localPart.toLowerCase());
    }
  }
});

test("addressOf takes longer hashes than ours and no shorter ones", async () => {
  const long = await srsOf(ANN, NOW, signerOf(["a first secret of ours"], { hashCharacters: 27 }));
  assert.deepEqual(await addressOf(long, NOW, SIGNER), ANN);
  const short = await srsOf(ANN, NOW, signerOf(["a first secret of ours"], { hashCharacters: 7 }));
  assert.equal(await addressOf(short, NOW, SIGNER), "forged");
  assert.equal(await addressOf(long.replace("=", "=A"), NOW, SIGNER), "forged");
});

const RUBBISH = [
  "SRS0=",
  "SRS0=a",
  "SRS0=a=b",
  "SRS0=a=b=c",
  "SRS0====",
  "SRS1=",
  "SRS1=a=b",
  "SRS1===",
  "SRS0==========",
];
for (const text of RUBBISH) {
  test(`addressOf finds '${text}' forged`, async () => {
    assert.equal(await addressOf(text, NOW, SIGNER), "forged");
  });
}

test("addressOf gives back each address, and nothing once a character of it is another", async () => {
  const local = fc.stringMatching(/^[a-z0-9=+!#$%&'*/?^_`{|}~ "\\@.ü-]{1,30}$/);
  const domain = fc.stringMatching(/^[a-z]{1,8}\.example$/);
  await fc.assert(
    fc.asyncProperty(
      local,
      domain,
      fc.nat(),
      fc.constantFrom(..."abcXYZ=+/19"),
      async (localPart, name, at, other) => {
        const address = { localPart, domain: name };
        const made = await srsOf(address, NOW, SIGNER);
        assert.deepEqual(await addressOf(made, NOW, SIGNER), address);
        const place = 5 + (at % (made.length - 5));
        const changed = made.slice(0, place) + other + made.slice(place + 1);
        if (changed.toLowerCase() === made.toLowerCase()) return;
        assert.equal(await addressOf(changed, NOW, SIGNER), "forged");
      },
    ),
    { numRuns: 1_000 },
  );
});

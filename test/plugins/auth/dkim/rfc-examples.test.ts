/** The published examples: RFC 6376 A and RFC 8463 A. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ED25519_PUBLIC, RSA_PUBLIC } from "../../../store/signature-vectors.ts";
import { type Signatures, verified } from "./dkim-bed.ts";
import { FIELDS, RFC_8463 } from "./rfc-8463-message.ts";

const RFC_8463_ZONE = {
  "brisbane._domainkey.football.example.com": [`v=DKIM1; k=ed25519; p=${ED25519_PUBLIC}`],
  "test._domainkey.football.example.com": [`v=DKIM1; k=rsa; p=${RSA_PUBLIC}`],
};

// A.2, with the folds of the original message: the RFC's text is indented, and this signature is over the white space.
const RFC_6376 = [
  "DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;",
  "      c=simple/simple; q=dns/txt; i=joe@football.example.com;",
  "      h=Received : From : To : Subject : Date : Message-ID;",
  "      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;",
  "      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB",
  "      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut",
  "      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV",
  "      4bmp/YzhwvcubU4=;",
  "Received: from client1.football.example.com  [192.0.2.1]",
  "      by submitserver.example.com with SUBMISSION;",
  "      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)",
  ...FIELDS,
  ...["", "Hi.", "", "We lost the game. Are you hungry yet?", "", "Joe.", ""],
].join("\r\n");
const RFC_6376_ZONE = {
  "brisbane._domainkey.example.com": [
    "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB",
  ],
};

const results = ({ signatures }: Signatures) => signatures.map(({ result }) => result);

test("dkim passes both signatures of RFC 8463 A.3, and tells what they say", async () => {
  const fact = await verified(RFC_8463, RFC_8463_ZONE);
  const both = { ...{ result: "pass", reason: "", domain: "football.example.com" }, unsignedBytes: 0 };
  const identity = "@football.example.com";
  assert.deepEqual(fact, {
    signatures: [
      { ...both, identity, selector: "brisbane", algorithm: "ed25519-sha256", signature: "/gCrinpc" },
      { ...both, identity, selector: "test", algorithm: "rsa-sha256", signature: "F45dVWDf" },
    ],
    unchecked: 0,
  });
});

test("dkim passes the signature of RFC 6376 A.2", async () => {
  const fact = await verified(RFC_6376, RFC_6376_ZONE);
  assert.deepEqual(results(fact), ["pass"], fact.signatures[0]?.reason);
  assert.equal(fact.signatures[0]?.identity, "joe@football.example.com");
});

for (const [name, from, to] of [
  ["a character of the body", "hungry", "angry"],
  ["a character of a signed field", "dinner", "supper"],
  ["a second From", "From: Joe", "From: x@evil.example\r\nFrom: Joe"],
  ["a second Subject", "Subject: Is", "Subject: Other\r\nSubject: Is"],
] as const) {
  test(`dkim passes neither signature of RFC 8463 A.3 with ${name} changed`, async () => {
    assert.deepEqual(results(await verified(RFC_8463.replace(from, to), RFC_8463_ZONE)), ["fail", "fail"]);
  });
}

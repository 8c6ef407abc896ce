import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { fromBase64 } from "postern";
import {
  parseClientFinal,
  parseClientFirst,
  serverFinal,
  serverFirst,
} from "../../core/smtp/scram-messages.ts";

const NONCE = "rOprNGfwEbeRWgbNEkqO";
const PROOF = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const FINAL = `c=biws,r=${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0`;

describe("parseClientFirst", () => {
  const valid: readonly { name: string; text: string; want: object }[] = [
    {
      name: "the example of RFC 7677 3",
      text: `n,,n=user,r=${NONCE}`,
      want: { gs2Header: "n,,", bare: `n=user,r=${NONCE}`, user: "user", authzid: undefined, nonce: NONCE },
    },
    {
      name: "a client that can bind to the channel, and was not offered it",
      text: "y,,n=u,r=x",
      want: { gs2Header: "y,,", bare: "n=u,r=x", user: "u", authzid: undefined, nonce: "x" },
    },
    {
      name: "an identity to act as",
      text: "n,a=a=2Cb,n=a=2Cb,r=x",
      want: { gs2Header: "n,a=a=2Cb,", bare: "n=a=2Cb,r=x", user: "a,b", authzid: "a,b", nonce: "x" },
    },
    {
      name: "commas and equal signs",
      text: "n,,n==3D=2C=2C=3D2C,r=x",
      want: {
        gs2Header: "n,,",
        bare: "n==3D=2C=2C=3D2C,r=x",
        user: "=,,=2C",
        authzid: undefined,
        nonce: "x",
      },
    },
    {
      name: "a name in another spelling",
      text: "n,,n=I\u00adX,r=x",
      want: { gs2Header: "n,,", bare: "n=I\u00adX,r=x", user: "IX", authzid: undefined, nonce: "x" },
    },
    {
      name: "extensions, which are signed and passed over",
      text: "n,,n=u,r=x,a=b,t=",
      want: { gs2Header: "n,,", bare: "n=u,r=x,a=b,t=", user: "u", authzid: undefined, nonce: "x" },
    },
    {
      name: "the longest nonce",
      text: `n,,n=u,r=${"x".repeat(200)}`,
      want: {
        ...{ gs2Header: "n,,", bare: `n=u,r=${"x".repeat(200)}`, user: "u", authzid: undefined },
        nonce: "x".repeat(200),
      },
    },
  ];
  for (const { name, text, want } of valid)
    it(`reads ${name}`, () => assert.deepEqual(parseClientFirst(text), want));

  for (const { name, text } of [
    { name: "nothing", text: "" },
    { name: "channel binding that is not offered", text: "p=tls-exporter,,n=u,r=x" },
    { name: "an unknown flag", text: "x,,n=u,r=x" },
    { name: "no flag", text: "n=u,r=x" },
    { name: "an extension that must be understood", text: "n,,m=x,n=u,r=x" },
    { name: "one that must be understood behind the nonce", text: "n,,n=u,r=x,m=y" },
    { name: "no user", text: "n,,n=,r=x" },
    { name: "a user that is nothing once it is prepared", text: "n,,n=\u00ad,r=x" },
    { name: "no nonce", text: "n,,n=u,r=" },
    { name: "a nonce with a space", text: "n,,n=u,r=x y" },
    { name: "a nonce that is not ASCII", text: "n,,n=u,r=\u00e9" },
    { name: "a nonce that is too long", text: `n,,n=u,r=${"x".repeat(201)}` },
    { name: "another order", text: "n,,r=x,n=u" },
    { name: "an equal sign that stands for itself", text: "n,,n=a=b,r=x" },
    { name: "escapes in lower case", text: "n,,n=a=2cb,r=x" },
    { name: "a control in the user", text: "n,,n=a\u0007,r=x" },
    { name: "NUL in the user", text: "n,,n=a\0b,r=x" },
    { name: "a control in the identity", text: "n,a=\u0007,n=a,r=x" },
    { name: "an empty identity", text: "n,a=,n=a,r=x" },
    { name: "a line end", text: "n,,n=u,r=x\n" },
    { name: "a response of PLAIN", text: "\0user\0pencil" },
    { name: "the message of a server", text: `r=${NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096` },
  ])
    it(`takes no ${name}`, () => assert.equal(parseClientFirst(text), undefined));
});

describe("parseClientFinal", () => {
  it("reads the example of RFC 7677 3", () => {
    assert.deepEqual(parseClientFinal(`${FINAL},p=${PROOF}`), {
      gs2Header: "n,,",
      nonce: FINAL.slice(FINAL.indexOf("r=") + 2),
      proof: fromBase64(PROOF),
      withoutProof: FINAL,
    });
  });

  it("reads extensions, which are signed and passed over", () => {
    assert.equal(parseClientFinal(`${FINAL},x=1,y=,p=${PROOF}`)?.withoutProof, `${FINAL},x=1,y=`);
  });

  for (const { name, text } of [
    { name: "nothing", text: "" },
    { name: "no proof", text: FINAL },
    { name: "an empty proof", text: `${FINAL},p=` },
    { name: "half a proof", text: `${FINAL},p=${PROOF.slice(0, 20)}` },
    { name: "a proof that goes on", text: `${FINAL},p=${PROOF},x=1` },
    { name: "two proofs", text: `${FINAL},p=${PROOF},p=${PROOF}` },
    { name: "a proof that is no base64", text: `${FINAL},p=${"=".repeat(44)}` },
    { name: "an extension that must be understood", text: `${FINAL},m=1,p=${PROOF}` },
    { name: "no binding", text: `c=,r=x,p=${PROOF}` },
    { name: "a binding that is no base64", text: `c=biw,r=x,p=${PROOF}` },
    { name: "no nonce", text: `c=biws,r=,p=${PROOF}` },
    { name: "another order", text: `r=x,c=biws,p=${PROOF}` },
    { name: "a line end", text: `${FINAL},p=${PROOF}\n` },
    { name: "the first message again", text: `n,,n=user,r=${NONCE}` },
  ])
    it(`takes no ${name}`, () => assert.equal(parseClientFinal(text), undefined));
});

describe("the readers", () => {
  it("never throw, and what they say is signed is part of the message", () => {
    const piece = fc.constantFrom(
      "n",
      "y",
      ",",
      "=",
      "n=",
      "r=",
      "c=biws",
      "p=",
      PROOF,
      "a=",
      "=2C",
      "x",
      "\u00e9",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const text = pieces.join("");
        const first = parseClientFirst(text);
        if (first) assert.equal(first.gs2Header + first.bare, text);
        const final = parseClientFinal(text);
        if (final) assert.ok(text.startsWith(`${final.withoutProof},p=`));
      }),
      { numRuns: 5000 },
    );
  });

  const long = [
    `n,,n=u,r=x${",a=".repeat(50_000)}\0`,
    `n,,n=${"=2C".repeat(60_000)}`,
    `c=biws,r=x${",a=b".repeat(50_000)}`,
  ];
  for (const text of long)
    it(`take a line of 200 KB that begins with ${text.slice(0, 13)} in linear time`, () => {
      // A reader that goes back over its input would take minutes.
      assert.ok(parseClientFirst(text) === undefined && parseClientFinal(text) === undefined);
    });
});

describe("the server's messages", () => {
  it("are those of RFC 7677 3", () => {
    const salt = fromBase64("W22ZaJ0SNY7soEsUEjb6gQ==") ?? assert.fail();
    assert.equal(
      serverFirst(`${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0`, { salt, iterations: 4096 }),
      `r=${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`,
    );
    const signature = fromBase64("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=") ?? assert.fail();
    assert.equal(serverFinal(signature), "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  });

  it("fit into a reply line with the longest nonce and salt", () => {
    const longest = serverFirst("x".repeat(224), { salt: new Uint8Array(64), iterations: 1_000_000 });
    // replies.ts cuts a line at 480 characters, and what is cut is another challenge.
    assert.ok(Buffer.from(longest).toString("base64").length <= 480);
  });
});

/** SASL as a client, against the examples of the RFCs and against servers that cheat. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { chooseExchange, scramSha256 } from "../../core/relay/sasl.ts";

const credentials = { user: "user", password: "pencil" };

describe("scramSha256", () => {
  // RFC 7677 3.
  const nonce = "rOprNGfwEbeRWgbNEkqO";
  const first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

  it("says and believes what stands in RFC 7677 3", async () => {
    const exchange = scramSha256(credentials, nonce);
    assert.equal(exchange.initial, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    assert.equal(
      await exchange.answer(first),
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    );
    assert.equal(exchange.complete(), false);
    assert.equal(await exchange.answer("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), "");
    assert.equal(exchange.complete(), true);
  });

  for (const [name, challenge] of [
    ["another nonce", first.replace("rOpr", "xOpr")],
    ["our own nonce and nothing more", first.replace("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "")],
    ["no salt", first.replace(/,s=[^,]*/, "")],
    ["too few iterations", first.replace("i=4096", "i=1")],
    ["so many iterations that they cost minutes", first.replace("i=4096", "i=1000000000")],
    ["an extension that must be understood", `m=x,${first}`],
    ["rubbish", "what"],
  ] as const) {
    it(`refuses a server with ${name}`, () =>
      assert.rejects(scramSha256(credentials, nonce).answer(challenge)));
  }

  it("does not believe a server that can not prove that it knows the password", async () => {
    const exchange = scramSha256(credentials, nonce);
    await exchange.answer(first);
    await assert.rejects(exchange.answer("v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), /password/);
    assert.equal(exchange.complete(), false);
  });

  it("escapes commas and equal signs in the name (RFC 5802 5.1)", () => {
    assert.equal(scramSha256({ user: "a,b=c", password: "" }, "n").initial, "n,,n=a=2Cb=3Dc,r=n");
  });
});

describe("chooseExchange", () => {
  for (const [offered, want] of [
    [["PLAIN", "LOGIN", "SCRAM-SHA-256"], "SCRAM-SHA-256"],
    [["LOGIN", "PLAIN"], "PLAIN"],
    [["CRAM-MD5", "LOGIN"], "LOGIN"],
    [["GSSAPI"], undefined],
    [[""], undefined],
  ] as const) {
    it(`of ${offered.join(" ") || "nothing"} takes ${want ?? "none"}`, () =>
      assert.equal(chooseExchange(offered, credentials)?.mechanism, want));
  }

  it("answers LOGIN's two challenges, and no third", async () => {
    const exchange = chooseExchange(["LOGIN"], credentials)!;
    assert.deepEqual(
      [await exchange.answer("Username:"), await exchange.answer("Password:")],
      ["user", "pencil"],
    );
    await assert.rejects(exchange.answer("More:"));
  });
});

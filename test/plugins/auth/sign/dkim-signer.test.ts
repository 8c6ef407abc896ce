/** `sign` beside dkim-signer, the oracle: the same octets wherever that one is right. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { canonicalBody, parseHeaderSection } from "postern";
import { nodeCrypto } from "../../../../core/store/mod.ts";
import { loadFieldShape, type SignatureTags } from "../../../../plugins/auth/sign/field-shape.ts";
import { signatureLines } from "../../../../plugins/auth/sign/signature-field.ts";
import { signedFields } from "../../../../plugins/auth/sign/signed-fields.ts";
import { ODD_MESSAGES } from "./odd-messages.ts";
import { PEM } from "./sign-bed.ts";

test("without oversigning the field is that of dkim-signer, wherever that one is right", async () => {
  // @ts-expect-error: the library has no types
  const { DKIMSign } = await import("dkim-signer");
  const names =
    "From:Sender:Reply-To:Subject:To:Cc:MIME-Version:Content-Type:Content-Transfer-Encoding:Content-ID:Content-Description:Resent-Date:Resent-From:Resent-Sender:Resent-To:Resent-Cc:Resent-Message-ID:In-Reply-To:References:List-Id:List-Help:List-Unsubscribe:List-Subscribe:List-Post:List-Owner:List-Archive";
  const shape = await loadFieldShape();
  const handle = await nodeCrypto.signingKey(PEM.rsa);
  const differing: string[] = [];
  for (const { name, bytes } of ODD_MESSAGES) {
    if (/spaces/.test(name) && bytes.length > 50_000) continue;
    const theirs = DKIMSign(bytes, { domainName: "example.com", keySelector: "r", privateKey: PEM.rsa });
    const header = parseHeaderSection(bytes);
    const chosen = signedFields(header, names.toLowerCase().split(":"), new Set());
    assert.ok(chosen);
    const hash = createHash("sha256");
    const form = canonicalBody("relaxed", (chunk) => hash.update(chunk));
    form.update(bytes.subarray(header.end + 2));
    form.finish();
    const tags = {
      algorithm: "rsa-sha256",
      canonical: "relaxed/relaxed",
      domain: "example.com",
      selector: "r",
      bodyHash: hash.digest("base64"),
      names: chosen.names,
    } as const;
    const lines = await signatureLines(
      { tags, headerForm: "relaxed", fields: chosen.fields },
      shape,
      nodeCrypto,
      handle,
    );
    if (`DKIM-Signature: ${lines.join("\r\n ")}` !== theirs) differing.push(name);
  }
  assert.deepEqual(differing, Object.values(THEIR_FAULTS).flat().sort(inOrder));
});

/** Where dkim-signer is wrong; others verify what we make of these in interop.test.ts. */
const THEIR_FAULTS: { readonly [fault: string]: readonly string[] } = {
  "reads octets that are no UTF-8 as U+FFFD": [
    "invalid UTF-8 in Subject",
    "Latin-1 in Subject",
    "Latin-1 no-break space in Subject",
    "invalid UTF-8 in the body",
    "all octets but CR, LF and NUL",
  ],
  "takes all of Unicode's spaces for white space": [
    "a no-break space alone as Subject",
    "a UTF-8 no-break space and an ideographic space",
    "UTF-8 in the body",
  ],
  "leaves out fields without a value": [
    "an empty Subject",
    "a Subject of one space",
    "a Subject of spaces and tabs",
    "an empty To",
  ],
  "gives an empty body a line end, against RFC 6376 3.4.4": [
    "an empty body",
    "a body of one line end",
    "a body of blank lines only",
    "a body of lines of spaces",
    "a body of one space",
    "no empty line and no body",
  ],
};
const inOrder = (a: string, b: string): number => placeOf(a) - placeOf(b);
const placeOf = (message: string): number => ODD_MESSAGES.findIndex(({ name }) => name === message);

test("the shape of a field is the same whether its template was kept or not, and times take their own place", async () => {
  const shape = await loadFieldShape();
  const tags: SignatureTags = {
    ...{ algorithm: "ed25519-sha256", canonical: "simple/simple", domain: "example.com", selector: "r" },
    ...{ bodyHash: "x".repeat(44), names: ["from", "from", "to"], identity: "t=0000000000@example.com" },
  };
  const at = (signedAtSeconds: number) =>
    shape({ ...tags, signedAtSeconds, expiresAtSeconds: signedAtSeconds + 9 });
  for (const seconds of [1_700_000_000, 1_700_000_001, 5]) {
    const text = at(seconds).join("\r\n ");
    assert.deepEqual(at(seconds).join("\r\n "), text);
    assert.ok(text.startsWith("v=1; a=ed25519-sha256; c=simple/simple; d=example.com;"), text);
    assert.match(text, /;\s+i=t=0000000000@example\.com;/);
    assert.match(
      text,
      new RegExp(`;\\s+t=${seconds};\\s+x=${seconds + 9};\\s+bh=x{44};\\s+h=from:from:to;\r\n b=$`),
    );
    assert.ok(
      at(seconds).every((line) => line.length <= 77),
      text,
    );
  }
});

/** Every plugin that says who sent a message, in one pipeline, and a message about which each of them has to ask DNS. */
import { generateKeyPairSync } from "node:crypto";
import { pipeline } from "postern";
import {
  arc,
  authenticationResults,
  type DmarcOptions,
  dkim,
  dmarc,
  dnsbl,
  iprev,
  routes,
  sign,
  spf,
  srs,
  trust,
} from "../../../plugins/mod.ts";
import { RFC_8463 } from "./dkim/rfc-8463-message.ts";

/** A client that is in no trusted network, as others in the Internet. */
export const STRANGER = "203.0.113.7";
/** Where the message goes: a domain that is served. */
export const RECIPIENT = "bob@inside.example";
export const REVERSE_PATH = "joe@football.example.com";

/** All of them, and a route to "backend". A message of which nothing can be told passes, unless `dmarc` is to say. */
export const allAuth = (options: DmarcOptions = { onTemperror: "accept" }) =>
  pipeline(
    trust({ networks: ["192.0.2.0/28"] }),
    dnsbl({ lists: [{ zone: "block.example" }, { zone: "allow.example", kind: "allow" }] }),
    iprev(),
    spf(),
    dkim(),
    arc(),
    dmarc(options),
    authenticationResults(),
    srs({ domain: "inside.example", keys: ["a secret of the tests"] }),
    sign({
      keys: [
        {
          domain: "inside.example",
          selector: "s",
          key: generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
        },
      ],
    }),
    routes([{ recipient: "*", nextHop: "backend" }]),
  );

const BODY_HASH = "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=";
const SIGNATURE = "A".repeat(342).concat("==");

/** The message of RFC 8463 A, signed twice, below a set of ARC whose keys nobody has. */
export const MESSAGE = Buffer.from(
  [
    `ARC-Seal: i=1; a=rsa-sha256; t=1528637909; cv=none; d=list.example; s=seal;\r\n b=${SIGNATURE}`,
    "ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=list.example; s=seal;",
    ` h=from : to : subject : date : message-id; bh=${BODY_HASH};\r\n b=${SIGNATURE}`,
    "ARC-Authentication-Results: i=1; list.example; spf=pass smtp.mailfrom=football.example.com",
    RFC_8463,
  ].join("\r\n"),
  "latin1",
);

/** What the topmost Authentication-Results field of a message tells, as "spf=temperror", in its order. */
export function shownResults(content: string): readonly string[] {
  const header = content.slice(0, content.indexOf("\r\n\r\n")).replace(/\r\n[ \t]+/g, " ");
  const field = /^Authentication-Results: [^;]+;(.*)$/m.exec(header)?.[1] ?? "";
  return field.split(";").map((part) => part.trim().split(" ", 1)[0] ?? "");
}

/** What it tells of `MESSAGE` when DNS gives no answer: no method is left out. */
export const WITHOUT_DNS: readonly string[] = [
  "iprev=temperror",
  "spf=temperror",
  "dkim=temperror",
  "dkim=temperror",
  "dmarc=temperror",
  "arc=temperror",
];

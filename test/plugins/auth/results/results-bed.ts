/** Facts of who sent a message, as other plugins would provide them, and the fields that reach the next hop. */
import { definePlugin, type FactValue, type Pipeline, type Plugin, pipeline } from "postern";
import type { Injection, Outcome } from "postern/testing";
import { Arc, Dkim, Dmarc, Iprev, Spf } from "../../../../plugins/auth/auth-results.ts";
import {
  type AuthenticationResultsOptions,
  authenticationResults,
} from "../../../../plugins/auth/results/authentication-results.ts";
import { trust } from "../../../../plugins/auth/results/trust.ts";
import { gatewayOf, toBackend } from "../../fakes.ts";

export type IprevValue = FactValue<typeof Iprev>;
export type SpfValue = FactValue<typeof Spf>;
export type DkimValue = FactValue<typeof Dkim>;
export type Signature = DkimValue["signatures"][number];
export type DmarcValue = FactValue<typeof Dmarc>;
export type ArcValue = FactValue<typeof Arc>;

/** What is provided; what is absent, by nobody. */
export interface Found {
  readonly iprev?: IprevValue;
  readonly spf?: SpfValue;
  readonly dkim?: DkimValue;
  readonly dmarc?: DmarcValue;
  readonly arc?: ArcValue;
}

export const SIGNATURE: Signature = {
  result: "pass",
  reason: "",
  domain: "example.net",
  selector: "sel",
  identity: "@example.net",
  algorithm: "rsa-sha256",
  signature: "dzdVyOfA",
  unsignedBytes: 0,
};
export const DMARC: DmarcValue = { ...Dmarc.fallback, result: "pass", reason: "", headerFrom: "example.net" };
export const SPF: SpfValue = { ...Spf.fallback, result: "pass", reason: "", domain: "outside.example" };

/** The peer that is trusted in the gateways of `sender`. */
export const TRUSTED = "192.0.2.1";
export const OUR_ID = "mx.inside.example";

/** Puts a message through the plugin, from a peer that is not trusted unless the test says otherwise. */
export async function sender(found: Found, options: AuthenticationResultsOptions = { authservId: OUR_ID }) {
  const { iprev, spf, dkim, dmarc, arc } = found;
  const plugins: readonly (Plugin | undefined)[] = [
    trust({ networks: [TRUSTED] }),
    iprev && definePlugin({ name: "iprev", provides: [Iprev], data: (ctx) => ctx.provide(Iprev, iprev) }),
    spf && definePlugin({ name: "spf", provides: [Spf], data: (ctx) => ctx.provide(Spf, spf) }),
    dkim && definePlugin({ name: "dkim", provides: [Dkim], data: (ctx) => ctx.provide(Dkim, dkim) }),
    dmarc && definePlugin({ name: "dmarc", provides: [Dmarc], data: (ctx) => ctx.provide(Dmarc, dmarc) }),
    arc && definePlugin({ name: "arc", provides: [Arc], data: (ctx) => ctx.provide(Arc, arc) }),
    authenticationResults(options),
    toBackend,
  ];
  // The list varies by test, which the types of pipeline() are there to forbid.
  const make = pipeline as unknown as (...elements: readonly Plugin[]) => Pipeline<true>;
  const inject = await gatewayOf(make(...plugins.filter((plugin) => plugin !== undefined)));
  return (injection: Partial<Injection> = {}): Promise<Outcome> =>
    inject({ client: { ip: "203.0.113.9" }, content: "Subject: x\n\nx\n", ...injection });
}

/** The lines of the fields that the next hop got, each field one text with its folds, our own Received left out. */
export function fieldsOf({ deliveries }: Outcome): readonly string[] {
  const [head = ""] = (deliveries[0]?.text ?? "").split("\r\n\r\n");
  return head.split(/\r\n(?![ \t])/).slice(1);
}

/** The value of the first field, unfolded (RFC 5322 2.2.3). */
export const unfolded = (field = ""): string => field.slice(field.indexOf(":") + 1).replace(/\r\n/g, "");

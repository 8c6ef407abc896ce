/** A gateway with all that finds out who sent a message, as strangers meet it; and what it cost. */
import { mock } from "node:test";
import { defineGateway, type FactValue, mailbox, pipeline, type Resolver } from "postern";
import { createTestGateway, type Injection, type Outcome } from "postern/testing";
import { fixedResolver, type Zone } from "../../../core/dns/mod.ts";
import { webCrypto } from "../../../core/gateway/mod.ts";
import type { Arc, Dkim, Dmarc, Spf } from "../../../plugins/auth/auth-results.ts";
import {
  type ArcOptions,
  arc,
  authenticationResults,
  type DkimOptions,
  type DmarcOptions,
  dkim,
  dmarc,
  iprev,
  spf,
  trust,
} from "../../../plugins/mod.ts";
import { toBackend } from "../fakes.ts";
import { CLOCK, RECORDS } from "./dkim/dkim-bed.ts";

/** The name that our field speaks by. */
export const OUR_ID = "mx.inside.example";
/** Who connects, unless the test says otherwise: SPF of evil.example and of sender.example allows it. */
const CLIENT = "192.0.2.1";

/** evil.example passes its own SPF; victim.example and sender.example want forgeries rejected, and this one signs. */
export const ZONE: Zone = {
  "evil.example": { TXT: ["v=spf1 ip4:192.0.2.0/24 -all"] },
  "sender.example": { TXT: ["v=spf1 ip4:192.0.2.0/24 -all"] },
  "_dmarc.evil.example": { TXT: ["v=DMARC1; p=none"] },
  "_dmarc.sender.example": { TXT: ["v=DMARC1; p=reject"] },
  "_dmarc.victim.example": { TXT: ["v=DMARC1; p=reject"] },
  "_dmarc.xn--vctim-zsa.example": { TXT: ["v=DMARC1; p=none"] },
  "1.2.0.192.in-addr.arpa": { PTR: ["evil.example."] },
  ...Object.fromEntries(Object.entries(RECORDS).map(([name, TXT]) => [name, { TXT: [...TXT] }])),
};

/** What came of one message. */
export interface Met {
  readonly outcome: Outcome;
  readonly spf: FactValue<typeof Spf>;
  readonly dkim: FactValue<typeof Dkim>;
  readonly dmarc: FactValue<typeof Dmarc>;
  readonly arc: FactValue<typeof Arc>;
  /** Header fields that the next hop got, ours of Received left out; each with its folds. */
  readonly fields: readonly string[];
  /** Our own Authentication-Results, in one line; undefined where there is none. */
  readonly results: string | undefined;
  /** Questions that DNS was asked, by plugins and the engine. */
  readonly queries: readonly string[];
  /** Signatures that were verified by a key. */
  readonly verified: number;
}

/** Options of the plugins in the gateway. */
export interface BedOptions {
  readonly dkim?: DkimOptions;
  readonly dmarc?: DmarcOptions;
  readonly arc?: ArcOptions;
}

/** Makes the gateway; gives the way to send it a message. */
export async function adversary(dns: Zone | Resolver = ZONE, options: BedOptions = {}) {
  const resolver = typeof dns.resolve === "function" ? (dns as Resolver) : fixedResolver(dns as Zone);
  const queries: string[] = [];
  const counting: Resolver = {
    resolve(name, type, signal) {
      queries.push(`${type} ${name}`);
      return resolver.resolve(name, type, signal);
    },
  };
  const gateway = await createTestGateway(
    defineGateway({
      domains: ["inside.example"],
      pipeline: pipeline(
        trust({ networks: ["198.51.100.1"] }),
        iprev(),
        spf(),
        dkim(options.dkim),
        arc(options.arc),
        dmarc(options.dmarc),
        authenticationResults({ authservId: OUR_ID }),
        toBackend,
      ),
      nextHops: { backend: mailbox() },
    }),
    { dns: counting, clock: CLOCK },
  );
  return async (content: string | Uint8Array, injection: Partial<Injection> = {}): Promise<Met> => {
    queries.length = 0;
    const verify = mock.method(webCrypto, "verify");
    try {
      const outcome = await gateway.inject({
        client: { ip: CLIENT },
        reversePath: "a@evil.example",
        recipients: ["b@inside.example"],
        content,
        ...injection,
      });
      const { facts } = outcome;
      const fields = fieldsOf(outcome);
      return {
        outcome,
        spf: facts.spf as Met["spf"],
        dkim: facts.dkim as Met["dkim"],
        dmarc: facts.dmarc as Met["dmarc"],
        arc: facts.arc as Met["arc"],
        fields,
        results: fields
          .find((field) => field.startsWith(`Authentication-Results: ${OUR_ID};`))
          ?.replace(/\r\n/g, ""),
        queries: [...queries],
        verified: verify.mock.callCount(),
      };
    } finally {
      verify.mock.restore();
    }
  };
}

function fieldsOf({ deliveries }: Outcome): readonly string[] {
  const [head = ""] = Buffer.from(deliveries[0]?.bytes ?? [])
    .toString("latin1")
    .split("\r\n\r\n");
  return head.split(/\r\n(?![ \t])/).slice(1);
}

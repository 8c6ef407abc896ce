/** Asks `checkHost` with a zone that is written down. */
import type { Resolver } from "postern";
import { fixedResolver, type Zone } from "../../../../core/dns/mod.ts";
import { checkHost, type SpfAnswer } from "../../../../plugins/auth/spf/check-host.ts";

/** A question; what is absent is as for a message of bob@example.com from 192.0.2.1. */
export interface Asked {
  readonly ip?: string;
  readonly localPart?: string;
  readonly domain?: string;
  readonly helo?: string;
  readonly voidLookUpsMax?: number;
  readonly explain?: boolean;
}

/** Asks by any resolver. */
export const ask = (dns: Resolver, asked: Asked = {}): Promise<SpfAnswer> =>
  checkHost({
    dns,
    ip: asked.ip ?? "192.0.2.1",
    localPart: asked.localPart ?? "bob",
    senderDomain: asked.domain ?? "example.com",
    domain: asked.domain ?? "example.com",
    helo: asked.helo ?? "mail.example.com",
    receiver: "unknown",
    now: Date.UTC(2026, 0, 1),
    voidLookUpsMax: asked.voidLookUpsMax ?? 2,
    explain: asked.explain ?? true,
  });

/** Asks by a zone. */
export const askZone = (zone: Zone, asked: Asked = {}): Promise<SpfAnswer> => ask(fixedResolver(zone), asked);

/** A resolver that keeps what it was asked, as "TXT example.com". */
export function recorded(zone: Zone): { readonly dns: Resolver; readonly asked: string[] } {
  const inner = fixedResolver(zone);
  const asked: string[] = [];
  return {
    asked,
    dns: {
      resolve(name, type, signal) {
        asked.push(`${type} ${name}`);
        return inner.resolve(name, type, signal);
      },
    },
  };
}

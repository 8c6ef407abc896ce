/**
 * Keeps what listeners offer true: asks the next hops at start and now and then, hears of every EHLO that a delivery's
 * connection had, and computes anew. Holds up nothing: until a next hop has answered, what it may not keep is not offered.
 */
import type { GatewayConfig } from "../config/mod.ts";
import { type Advertised, advertisedOf, advertisedWords } from "./advertised.ts";
import type { NextHopDriver } from "./next-hop-driver.ts";
import type { Services } from "./services.ts";

/** How old what is known of a next hop may be before it is asked again. */
const REFRESH_MS = 300_000;
/** Until the second try of one that has never answered; doubled each time, up to `REFRESH_MS`. */
const RETRY_MS = 5_000;
/** Longest time of one try. */
const PROBE_MS_MAX = 30_000;

/** What listeners offer, as it is now. */
export interface KeptAdvertised {
  /** For each listener of the config one object, changed in place. */
  readonly byListener: readonly Advertised[];
  /** Resolves when every next hop was asked once, whatever came of it. */
  readonly asked: Promise<void>;
  /** Ends what asks. */
  stop(): void;
}

/** Begins to ask the next hops of a config. `stop` must be called before the drivers are closed. */
export function keepAdvertised(
  { listeners, nextHops }: Pick<GatewayConfig, "listeners" | "nextHops">,
  { nextHops: drivers, clock, log, spool }: Pick<Services, "nextHops" | "clock" | "log" | "spool">,
): KeptAdvertised {
  const known = {
    nextHops,
    offered: (name: string) => drivers.get(name)?.extensions(),
    durableSpool: spool?.durable === true,
  };
  const byListener = listeners.map(({ advertise }) => advertisedOf(advertise, known));
  const computeAnew = (): void => {
    for (const [index, { name, advertise }] of listeners.entries()) {
      const held = byListener[index]!;
      const before = advertisedWords(held);
      Object.assign(held, advertisedOf(advertise, known));
      const offers = advertisedWords(held);
      if (offers !== before) log.info("advertises", { listener: name, offers, before });
    }
  };
  const stopped = new AbortController();
  const first: Promise<void>[] = [];
  // One driver can stand for several names.
  for (const driver of new Set(drivers.values())) {
    if (driver.onExtensions === undefined) continue;
    const heard = { at: undefined as number | undefined };
    driver.onExtensions(() => {
      heard.at = clock.monotonic();
      computeAnew();
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    first.push(promise);
    // Ends by the rejection of a sleep, once it is stopped.
    keepAsking(driver, heard, clock, stopped.signal, resolve).catch(() => {});
  }
  const asked = Promise.all(first).then(() => {});
  return { byListener, asked, stop: () => stopped.abort() };
}

async function keepAsking(
  driver: NextHopDriver,
  heard: { readonly at: number | undefined },
  clock: Services["clock"],
  stopped: AbortSignal,
  onAsked: () => void,
): Promise<never> {
  for (let retryMs = RETRY_MS; ; retryMs = Math.min(retryMs * 2, REFRESH_MS)) {
    // What a driver does not keep of its contract must not end the asking.
    await driver.probe(AbortSignal.any([stopped, AbortSignal.timeout(PROBE_MS_MAX)])).catch(() => {});
    onAsked();
    if (heard.at === undefined) await clock.sleep(retryMs, stopped);
    else await clock.sleep(REFRESH_MS, stopped);
    // While connections of real traffic tell, nobody needs to be asked.
    for (let ageMs = ageOf(heard, clock); ageMs < REFRESH_MS; ageMs = ageOf(heard, clock))
      await clock.sleep(REFRESH_MS - ageMs, stopped);
  }
}

const ageOf = ({ at }: { readonly at: number | undefined }, clock: Services["clock"]): number =>
  at === undefined ? Number.POSITIVE_INFINITY : clock.monotonic() - at;

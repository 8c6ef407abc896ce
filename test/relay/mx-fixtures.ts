/** A driver of mx() on a zone written down, before sinks on loopback. */
import { type MxNextHop, mx } from "../../core/config/mod.ts";
import { fixedResolver, type Zone } from "../../core/dns/mod.ts";
import type { Delivery, DeliveryResult, NextHopDriver } from "../../core/gateway/mod.ts";
import type { Clock } from "../../core/pipeline/mod.ts";
import { createMxDriver } from "../../core/relay/mod.ts";
import type { MxDriverOptions } from "../../core/relay/mx-driver.ts";
import { clock, delivery, goOn, recordingLog, summary } from "./relay-fixtures.ts";
import { type Script, type Sink, startSink } from "./sink-server.ts";

/** A driver under test. */
export interface MxBed {
  readonly driver: NextHopDriver;
  /** What it looks up from now on. */
  setZone(zone: Zone): void;
  /** Delivers to these recipients, and gives a line for each: "delivered 250 2.0.0". */
  send(to: string | readonly string[], changes?: Partial<Delivery>): Promise<readonly string[]>;
  /** The same, with all of the result. */
  deliver(to: string | readonly string[], changes?: Partial<Delivery>): Promise<DeliveryResult>;
}

/** Makes one for sinks at `port`; loopback is reached unless `hop` says otherwise. */
export function mxBed(
  port: number,
  zone: Zone,
  hop: Partial<MxNextHop> = {},
  { by = clock, ...options }: Partial<MxDriverOptions> & { readonly by?: Clock } = {},
): MxBed {
  let dns = fixedResolver(zone);
  const driver = createMxDriver(
    "out",
    mx({ port, connectTimeout: 2000, replyTimeout: 2000, allowPrivateAddresses: true, ...hop }),
    {
      ...{ hostName: "gw.example", log: recordingLog(), clock: by },
      dns: { resolve: (name, type, signal) => dns.resolve(name, type, signal) },
      random: { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) },
      ...options,
    },
  );
  const bed: MxBed = {
    driver,
    setZone: (changed) => {
      dns = fixedResolver(changed);
    },
    deliver: (to, changes = {}) => driver.deliver(delivery("a\r\n", changes, [to].flat()), goOn()),
    send: async (to, changes) => summary(await bed.deliver(to, changes)),
  };
  return bed;
}

/** Sinks on several addresses of loopback with one port. */
export async function sinksOn(
  scripts: { readonly [host: string]: Script | undefined },
  port = 0,
): Promise<{
  readonly port: number;
  readonly at: { readonly [host: string]: Sink };
  close(): Promise<void>;
}> {
  const at: Record<string, Sink> = {};
  let found = port;
  for (const [host, script] of Object.entries(scripts)) {
    at[host] = await startSink(script, undefined, { host, port: found });
    found = at[host].port;
  }
  return {
    port: found,
    at,
    async close() {
      await Promise.all(Object.values(at).map((sink) => sink.close()));
    },
  };
}

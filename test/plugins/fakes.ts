/** What the tests of plugins share: contexts made by hand, gateways around one plugin, and a clock that does not wait. */
import assert from "node:assert/strict";
import { type Clock, defineGateway, mailbox, type Pipeline, type Plugin } from "postern";
import { createTestGateway, type Injection, type Outcome, type TestOptions } from "postern/testing";
import { routes } from "../../plugins/mod.ts";

/** Calls a hook with what the test gives as its context. */
export async function runHook(
  plugin: Plugin,
  stage: "auth" | "mail" | "data" | "rcpt" | "route",
  ctx: object,
): Promise<unknown> {
  const hook = plugin.definition[stage];
  if (!hook) throw new Error(`${plugin.name} has no hook ${stage}`);
  return await hook(ctx as never);
}

export const path = (localPart: string, domain: string) => ({
  text: `${localPart}@${domain}`,
  localPart,
  domain,
  domainAscii: domain,
});

/** No wait takes time, and the time of each has gone by when it is over, the shortest first: what hangs meets its limit. */
export function hastyClock(): Clock {
  let ms = Date.UTC(2026, 0, 1);
  const sleepers = new Map<() => void, number>();
  const wakeNext = () => {
    const [first, ...others] = sleepers;
    if (!first) return;
    const [wake, due] = others.reduce((a, b) => (b[1] < a[1] ? b : a), first);
    sleepers.delete(wake);
    ms = Math.max(ms, due);
    wake();
  };
  return {
    now: () => ms,
    monotonic: () => ms,
    sleep: (wait, signal) =>
      new Promise((resolve, refuse) => {
        if (signal?.aborted) return refuse(signal.reason);
        sleepers.set(resolve, ms + wait);
        signal?.addEventListener("abort", () => {
          sleepers.delete(resolve);
          refuse(signal.reason);
        });
        setImmediate(wakeNext);
      }),
  };
}

/** Sends all to the one next hop of `gatewayOf`. */
export const toBackend = routes([{ recipient: "*", nextHop: "backend" }]);

/** A way to put messages through a pipeline, from a stranger to inside.example unless the test says otherwise. */
export async function gatewayOf(plugins: Pipeline<true>, options: TestOptions = {}) {
  const config = defineGateway({
    domains: ["inside.example"],
    pipeline: plugins,
    nextHops: { backend: mailbox() },
  });
  const gateway = await createTestGateway(config, options);
  return (injection: Partial<Injection> & Pick<Injection, "content">): Promise<Outcome> =>
    gateway.inject({ reversePath: "a@outside.example", recipients: ["b@inside.example"], ...injection });
}

/** A reply as the dialogue shows it, without the trace id. */
export const replyText = ({ reply }: Outcome): string =>
  `${reply.code} ${reply.enhanced} ${reply.text.replace(/ ?\(ref [^)]*\)$/, "")}`.trim();

/** The faults of an outcome's trace, as "stage plugin: message (onError)". */
export const faultsOf = ({ trace }: Outcome): readonly string[] =>
  (trace?.entries ?? []).flatMap((entry) =>
    "fault" in entry && entry.fault
      ? [`${entry.stage} ${entry.plugin}: ${entry.fault.message} (${entry.fault.onError})`]
      : [],
  );

/** Holds the lines of an option error against what the table wants. */
export function assertOptionError(make: () => unknown, want: readonly string[]): void {
  let lines: readonly string[] = ["no error at all"];
  try {
    make();
  } catch (error) {
    assert.ok(error instanceof TypeError, String(error));
    lines = error.message.split("\n");
  }
  assert.deepEqual(lines, want);
}

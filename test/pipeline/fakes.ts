/** A clock under the test's hand, and subjects for hooks of every stage without an engine around them. */
import {
  type AnyFact,
  type Clock,
  type Condition,
  type ConditionContext,
  type ConditionResults,
  compilePipeline,
  condition,
  definePlugin,
  type FactMap,
  fact,
  type HookSubject,
  type LogFields,
  Message,
  makeAddress,
  memoryContent,
  type Per,
  type Plugin,
  type Recipient,
  type Slot,
  type Stage,
  Trace,
  type TraceHookRun,
  z,
} from "postern";

/** A clock that stands still until `advance`. */
export interface FakeClock extends Clock {
  /** Lets time pass, step by step, with all that wakes up on the way. */
  advance(ms: number): Promise<void>;
  /** Lets time pass at once, as when something blocks everything. */
  jump(ms: number): void;
  readonly sleeping: number;
}

export function fakeClock(): FakeClock {
  let now = 1_000;
  let sleepers: { at: number; wake: () => void }[] = [];
  const settle = async () => {
    for (let i = 0; i < 30; i++) await Promise.resolve();
  };
  return {
    now: () => 1_700_000_000_000 + now,
    monotonic: () => now,
    sleep: (ms) => new Promise((resolve) => sleepers.push({ at: now + ms, wake: resolve })),
    async advance(ms) {
      const until = now + ms;
      await settle();
      for (;;) {
        const next = Math.min(until, ...sleepers.map(({ at }) => at));
        now = Math.max(now, next);
        const due = sleepers.filter(({ at }) => at <= now);
        if (due.length === 0 && now >= until) return;
        sleepers = sleepers.filter(({ at }) => at > now);
        for (const { wake } of due) wake();
        await settle();
      }
    },
    jump(ms) {
      now += ms;
    },
    get sleeping() {
      return sleepers.length;
    },
  };
}

/** One fact of each stage. */
export const FACTS = {
  connect: fact("ofConnect", { stage: "connect", scope: "session", schema: z.unknown(), fallback: "?" }),
  ehlo: fact("ofEhlo", { stage: "ehlo", scope: "session", schema: z.unknown(), fallback: "?" }),
  auth: fact("ofAuth", { stage: "auth", scope: "session", schema: z.unknown(), fallback: "?" }),
  mail: fact("ofMail", { stage: "mail", scope: "transaction", schema: z.unknown(), fallback: "?" }),
  rcpt: fact("ofRcpt", { stage: "rcpt", scope: "recipient", schema: z.unknown(), fallback: "?" }),
  data: fact("ofData", { stage: "data", scope: "transaction", schema: z.unknown(), fallback: "?" }),
  route: fact("ofRoute", { stage: "route", scope: "recipient", schema: z.unknown(), fallback: "?" }),
  delivery: fact("ofDelivery", { stage: "delivery", scope: "delivery", schema: z.unknown(), fallback: "?" }),
} satisfies { readonly [S in Stage]: AnyFact };

export const recipient = (localPart: string): Recipient => {
  const forwardPath = makeAddress(localPart, "example.org");
  return { forwardPath, original: forwardPath, parameters: {} };
};

/** The slots of plugins that stand one after another, whatever the start would say of them. */
export const slotsOf = (...plugins: readonly unknown[]): readonly Slot[] =>
  compilePipeline({ kind: "pipeline", elements: plugins as readonly Plugin[], "~": undefined }).slots;

export const slotOf = (plugin: unknown): Slot => {
  const [slot] = slotsOf(plugin);
  if (!slot) throw new Error("the element gives no slot");
  return slot;
};

/** A subject and all that a run may leave behind. */
export interface Bench {
  readonly clock: FakeClock;
  readonly subject: HookSubject;
  readonly session: FactMap;
  readonly transaction: FactMap;
  readonly delivery: FactMap;
  readonly ofRecipient: ReadonlyMap<Recipient, FactMap>;
  readonly recipients: readonly Recipient[];
  readonly logged: readonly { readonly event: string; readonly fields: LogFields | undefined }[];
  /** The hook runs in the trace. */
  runs(): readonly TraceHookRun[];
  /** All facts that count, by name. */
  facts(): { readonly [name: string]: unknown };
}

export interface BenchOptions {
  readonly recipients?: readonly Recipient[];
  readonly message?: Message;
  readonly more?: Partial<HookSubject>;
  /** Keep the results of conditions, as the engine does. */
  readonly keepConditions?: boolean;
}

const HAS_MESSAGE: readonly Stage[] = ["data", "route", "delivery"];

export const loadMessage = (text: string): Promise<Message> =>
  Message.load(memoryContent(new TextEncoder().encode(text)));

const message = await loadMessage("From: ann@example.com\r\nSubject: hello\r\n\r\nbody\r\n");

/** A subject for hooks of a stage. */
export function benchFor(stage: Stage, options: BenchOptions = {}): Bench {
  const clock = fakeClock();
  const logged: { event: string; fields: LogFields | undefined }[] = [];
  const note = (event: string, fields?: LogFields) => void logged.push({ event, fields });
  const recipients = options.recipients ?? [recipient("bob"), recipient("eve")];
  const [session, transaction, delivery]: FactMap[] = [new Map(), new Map(), new Map()];
  const ofRecipient = new Map<Recipient, FactMap>(recipients.map((one) => [one, new Map()]));
  const kept = new Map<unknown, ConditionResults>();
  const trace = new Trace(100);
  const single = stage === "rcpt" || stage === "route" ? recipients[0] : undefined;
  const never = () => {
    throw new Error("no test needs this service");
  };
  const subject: HookSubject = {
    id: "ref1",
    origin: "smtp",
    gateway: { hostName: "gate.example", serves: () => false },
    listener: { name: "relay", kind: "relay", address: "127.0.0.1:25" },
    client: { ip: "192.0.2.1", port: 40_000, trusted: false },
    ehlo: "client.example",
    tls: undefined,
    identity: undefined,
    services: {
      clock,
      dns: { resolve: never },
      fetch: never,
      random: { bytes: never },
      store: { get: never, set: never, delete: never, increment: never, compareAndSet: never },
      crypto: {
        ...{ digest: never, scrypt: never },
        ...{ verifyKey: never, verify: never, signingKey: never, sign: never },
      },
      log: { debug: note, info: note, warn: note, error: note },
    },
    facts: (of, named) => {
      if (of.scope === "session") return session;
      if (of.scope === "transaction") return transaction;
      if (of.scope === "delivery") return stage === "delivery" ? delivery : undefined;
      return ofRecipient.get((named ?? single)!);
    },
    own: {
      envelope: { reversePath: makeAddress("ann", "example.com"), parameters: {} },
      ...(single ? { recipient: single } : {}),
      ...(stage === "data" ? { recipients } : {}),
      ...(stage === "delivery" ? { delivery: { nextHop: "backend", reversePath: null, recipients } } : {}),
    },
    ...(HAS_MESSAGE.includes(stage) ? { message: options.message ?? message } : {}),
    ...(stage === "data" ? { recipients } : {}),
    trace,
    startedAt: clock.monotonic(),
    ...(options.keepConditions
      ? {
          conditions: (per, of) => {
            const key = per === "recipient" ? of : per;
            if (!kept.has(key)) kept.set(key, new Map());
            return kept.get(key);
          },
        }
      : {}),
    ...options.more,
  };
  return {
    clock,
    subject,
    session: session!,
    transaction: transaction!,
    delivery: delivery!,
    ofRecipient,
    recipients,
    logged,
    runs: () => trace.entries().entries.filter((entry): entry is TraceHookRun => "plugin" in entry),
    facts: () => {
      const maps = [session!, transaction!, delivery!, ...ofRecipient.values()];
      return Object.fromEntries(maps.flatMap((map) => [...map].map(([of, value]) => [of.name, value])));
    },
  };
}

type Definition = Parameters<typeof definePlugin>[0];

/** A condition that counts how often it is evaluated. */
export function counted(
  per: Per,
  from: Stage,
  holds: (ctx: ConditionContext) => boolean,
  reads: readonly unknown[] = [],
) {
  let times = 0;
  const made = condition(`counted ${per}`, {
    from,
    per,
    reads,
    holds: (ctx: ConditionContext) => {
      times++;
      return holds(ctx);
    },
  } as never) as Condition<never>;
  return { made, times: () => times };
}

/** A plugin with a hook in the stage, which says that it ran. */
export const ran = (stage: Stage, runs: unknown[] = []) => defined({ [stage]: () => void runs.push(stage) });
/** A plugin of a definition whose types the test does not care for. */
export const defined = (definition: object) =>
  definePlugin({ name: "under", ...definition } as Definition) as Plugin<never, never, false>;

/** A gateway of a few plugins on a spool that a test can watch, hold up and break. */
import {
  type Clock,
  defineGateway,
  definePlugin,
  forRecipients,
  type MessageVerdict,
  type Pipeline,
  type Recipient,
  routeTo,
  smtp,
} from "postern";
import {
  createMemorySpool,
  createTestGateway,
  type RecordingNextHop,
  recordingNextHop,
  type TestGateway,
} from "postern/testing";
import {
  type NextHopDriver,
  type Spool,
  type SpoolEntry,
  type SpoolMessage,
  webClock,
} from "../../core/gateway/mod.ts";
import { START } from "./spool-fixtures.ts";

/** Sends each recipient to the next hop that its local part names before "-", or to "queued". */
export const byName = definePlugin({
  name: "byName",
  routes: true,
  nextHops: ["queued", "inline", "other"],
  route: (ctx) => routeTo(ctx.recipient.forwardPath.localPart.split("-")[0] ?? ""),
});

/** A plugin of the stage `data` that gives some recipients a verdict by their local part. */
export const mark = (verdicts: { readonly [name: string]: MessageVerdict }) =>
  definePlugin({
    name: "mark",
    data: (ctx) =>
      forRecipients(
        ctx.recipients.flatMap((recipient: Recipient) => {
          const verdict = verdicts[recipient.forwardPath.localPart];
          return verdict ? [{ recipient, verdict }] : [];
        }),
      ),
  });

/** A reply by its codes. */
export const replyOf = ({ code, enhanced }: { code: number; enhanced: string }): string =>
  `${code} ${enhanced}`;

export const content = "From: ann@example.com\nSubject: hello\n\nbody\n";

/** A message to these recipients. */
export const to = (...recipients: readonly string[]) => ({
  reversePath: "ann@example.com",
  recipients: recipients.map((name) => `${name}@example.org`),
  content,
});

/** A spool whose calls of `put` go by `put` first. */
export function watched(spool: Spool, put: (message: SpoolMessage) => void | Promise<void>): Spool {
  return new Proxy(spool, {
    get(target, name) {
      if (name === "put") {
        return async (...[message, options]: Parameters<Spool["put"]>) => {
          await put(message);
          return target.put(message, options);
        };
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

export interface Bed {
  readonly gateway: TestGateway;
  readonly spool: Spool;
  readonly nextHops: { readonly [name: string]: RecordingNextHop };
  /** All recipients of the spool, oldest message first. */
  listed(): Promise<readonly SpoolEntry[]>;
  /** The one message of the spool. */
  only(): Promise<SpoolMessage>;
  /** How many deliveries any next hop got. */
  delivered(): number;
}

/** What differs from bed to bed. */
export interface BedOptions {
  readonly config?: object;
  /** Called before each put; what it throws is what put rejects with. */
  readonly put?: (message: SpoolMessage, delivered: number) => void | Promise<void>;
  /** Parts of the clock; default it stands at START, and sleeps as the platform does. */
  readonly clock?: Partial<Clock>;
  /** Stands in for the next hop "inline". */
  readonly inline?: NextHopDriver;
}

/** Makes it. `queued` takes mail in mode queue, `inline` and `other` inline; all record and accept. */
export async function bedOf(plugins: Pipeline<true>, options: BedOptions = {}): Promise<Bed> {
  const clock = { ...webClock, now: () => START, ...options.clock };
  const memory = createMemorySpool({ durable: true, clock });
  const nextHops = {
    queued: recordingNextHop("queued"),
    inline: recordingNextHop("inline"),
    other: recordingNextHop("other"),
  };
  const messages: SpoolMessage[] = [];
  const delivered = () => Object.values(nextHops).reduce((sum, { deliveries }) => sum + deliveries.length, 0);
  const spool = watched(memory, async (message) => {
    await options.put?.(message, delivered());
    messages.push(message);
  });
  const description = (mode: "inline" | "queue") => smtp({ host: "127.0.0.1", port: 2500, mode });
  const gateway = await createTestGateway(
    defineGateway({
      listeners: [{ address: "127.0.0.1:2525" }],
      nextHops: { queued: description("queue"), inline: description("inline"), other: description("inline") },
      ...options.config,
      pipeline: plugins,
    }),
    { spool, nextHops: { ...nextHops, ...(options.inline ? { inline: options.inline } : {}) }, clock },
  );
  return {
    gateway,
    spool: memory,
    nextHops,
    listed: async () => (await memory.list({}, undefined, 1_000)).entries,
    async only() {
      const [message, ...more] = messages;
      if (!message || more.length > 0) throw new Error(`${messages.length} messages were put, not one`);
      return message;
    },
    delivered,
  };
}

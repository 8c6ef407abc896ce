/** A gateway on a memory spool whose plugins and next hops a test changes between acceptance and attempt. */
import {
  type Clock,
  defineGateway,
  definePlugin,
  type Pipeline,
  pipeline,
  type Reply,
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
import { type DeliveryResult, type NextHopDriver, type Spool, webClock } from "../../core/gateway/mod.ts";
import { START } from "./spool-fixtures.ts";

/** Time that a test moves. */
export interface MovedClock extends Clock {
  forward(ms: number): void;
}

export function movedClock(): MovedClock {
  let ms = 0;
  return {
    ...webClock,
    now: () => START + ms,
    monotonic: () => ms,
    forward(by) {
      ms += by;
    },
  };
}

/** Routes to "queued" in mode queue. */
export const toQueue = definePlugin({
  name: "toQueue",
  routes: true,
  nextHops: ["queued"],
  route: () => routeTo("queued"),
});

export interface AttemptBed {
  readonly gateway: TestGateway;
  readonly spool: Spool;
  readonly clock: MovedClock;
  readonly queued: RecordingNextHop;
  readonly other: RecordingNextHop;
  /** What "queued" answers from now on to a recipient. */
  answer(reply: Reply | undefined, only?: string): void;
  /** Puts this driver in the place of "queued". */
  replace(deliver: NextHopDriver["deliver"] | undefined): void;
  /** A message to these local parts at example.org; gives its id. */
  send(...recipients: readonly string[]): Promise<string>;
  /** "bob deferred 450 4.2.0 reply" of each that the queue came to. */
  run(): Promise<readonly string[]>;
  /** "bob due 2" of each in the spool, by state and attempts. */
  states(): Promise<readonly string[]>;
}

export const MESSAGE = "From: ann@example.com\nSubject: hello\n\nbody\n";

export async function attemptBed(
  plugins: Pipeline<true> = pipeline(toQueue),
  config: object = {},
  beside: { readonly spool?: Spool; readonly clock?: MovedClock } = {},
): Promise<AttemptBed> {
  const clock = beside.clock ?? movedClock();
  const spool = beside.spool ?? createMemorySpool({ durable: true, clock });
  let replies: { readonly reply: Reply | undefined; readonly only: string | undefined } | undefined;
  let deliver: NextHopDriver["deliver"] | undefined;
  const queued = recordingNextHop("queued", (forwardPath) =>
    replies && (replies.only === undefined || forwardPath.startsWith(`${replies.only}@`))
      ? replies.reply
      : undefined,
  );
  const other = recordingNextHop("other");
  const driver: RecordingNextHop = {
    ...queued,
    deliver: (...given) => (deliver ?? queued.deliver)(...given),
  };
  const hop = (mode: "inline" | "queue") => smtp({ host: "127.0.0.1", port: 2500, mode });
  const gateway = await createTestGateway(
    defineGateway({
      listeners: [{ address: "127.0.0.1:2525" }],
      nextHops: { queued: hop("queue"), other: hop("inline") },
      ...config,
      pipeline: plugins,
    }),
    { spool, clock, nextHops: { queued: driver, other } },
  );
  return {
    ...{ gateway, spool, clock, queued, other },
    answer(reply, only) {
      replies = { reply, only };
    },
    replace(given) {
      deliver = given;
    },
    async send(...recipients) {
      const { trace, reply } = await gateway.inject({
        reversePath: "ann@example.com",
        recipients: recipients.map((name) => `${name}@example.org`),
        content: MESSAGE,
      });
      if (reply.code !== 250) throw new Error(`${reply.code} ${reply.text}`);
      return trace?.id ?? "";
    },
    async run() {
      const outcomes = await gateway.runQueue();
      return outcomes.map(({ forwardPath, outcome, reply, failure }) =>
        [forwardPath.split("@")[0], outcome, reply && `${reply.code} ${reply.enhanced}`, failure]
          .filter((word) => word !== undefined)
          .join(" "),
      );
    },
    async states() {
      const { entries } = await spool.list({}, undefined, 1_000);
      return entries.map(
        ({ forwardPath, state, attempts }) => `${forwardPath.split("@")[0]} ${state} ${attempts}`,
      );
    },
  };
}

/** A driver's account of a delivery that ended in one way for all its recipients. */
export const endedIn =
  (
    status: "delivered" | "rejected" | "tempfailed",
    reply: Reply,
    how: Omit<DeliveryResult, "recipients">,
  ): NextHopDriver["deliver"] =>
  async ({ recipients }) => ({ recipients: recipients.map(() => ({ status, reply })), ...how });

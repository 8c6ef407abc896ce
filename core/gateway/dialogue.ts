/**
 * The commands and replies of a session and of its next hops, for the trace, where `trace.dialogue` asks for them.
 * Secrets and content are never taken in: of AUTH the mechanism is kept, of what is no known command its length. Whether
 * an address is one that is looked for is known at MAIL or RCPT only; until then the lines wait here, bounded.
 */
import type { DialogueRule } from "../config/mod.ts";
import { type Address, domainToAscii, networkMatcher, type Reply, type ReversePath } from "../mail/mod.ts";
import { type Clock, Trace, type TraceEntry, type TraceLine } from "../pipeline/mod.ts";
import type { DeliverOptions } from "./next-hop-driver.ts";
import type { HeardLines } from "./session.ts";

/** Lines before the first MAIL, which all messages of a session repeat. */
const OPENING_LINES_MAX = 60;
/** Lines from one MAIL to the answer to its message, those of the next hop included: the first third and the last two. */
const TRANSACTION_LINES_MAX = 200;
/** Characters of a command or of one line of a reply. */
const LINE_MAX = 300;
/** Lines of one reply. */
const REPLY_LINES_MAX = 20;

/** Commands whose arguments are shown, and those that have none. Anything else may be a secret in the wrong place. */
const SHOWN: ReadonlySet<string> = new Set(
  "EHLO HELO LHLO MAIL RCPT BDAT VRFY EXPN XCLIENT XFORWARD".split(" "),
);
const BARE: ReadonlySet<string> = new Set("DATA RSET NOOP QUIT HELP STARTTLS".split(" "));
const MECHANISMS: ReadonlySet<string> = new Set("PLAIN LOGIN SCRAM-SHA-1 SCRAM-SHA-256 CRAM-MD5".split(" "));
const NOT_SHOWN = "(not shown)";
const decoder = new TextDecoder();

/** The rules of a config. */
export class DialogueRules {
  readonly #rules: readonly {
    readonly holdsFor: (ip: string) => boolean;
    readonly matches: AddressTest | undefined;
  }[];

  /** @param rules as `trace.dialogue` has them */
  constructor(rules: readonly DialogueRule[]) {
    this.#rules = rules.map(({ client, address }) => ({
      holdsFor: client ? networkMatcher(client) : () => true,
      matches: address && addressTest(address),
    }));
  }

  /** The dialogue of a session that begins; undefined where no rule can hold for it. */
  open(ip: string, clock: Clock): SessionDialogue | undefined {
    const rules = this.#rules.filter(({ holdsFor }) => holdsFor(ip));
    if (rules.length === 0) return undefined;
    const tests = rules.map(({ matches }) => matches);
    const always = tests.includes(undefined);
    return new SessionDialogue(clock, always ? undefined : (tests as AddressTest[]));
  }
}

/** What was said in one session. */
export class SessionDialogue implements HeardLines {
  readonly #clock: Clock;
  readonly #startedAt: number;
  /** Absent: the client alone decides. */
  readonly #tests: readonly AddressTest[] | undefined;
  readonly #opening = new Trace(OPENING_LINES_MAX);
  /** Of the transaction that began last. */
  #lines: Trace | undefined;
  /** A MAIL of which it is not known yet whether it begins a transaction. */
  #mail: TraceLine | undefined;
  #matched: boolean;

  constructor(clock: Clock, tests: readonly AddressTest[] | undefined) {
    this.#clock = clock;
    this.#startedAt = clock.monotonic();
    this.#tests = tests;
    this.#matched = tests === undefined;
  }

  heard(line: Uint8Array, secret: boolean): void {
    const text = secret
      ? NOT_SHOWN
      : shownCommand(decoder.decode(line.subarray(0, 4 * LINE_MAX)), line.length);
    const entry = this.#entry("client", text);
    this.#settleMail();
    if (text.startsWith("MAIL")) this.#mail = entry;
    else this.#add(entry);
  }

  said({ code, enhanced, text }: Reply): void {
    this.#settleMail();
    // RFC 4954 4: a challenge may tell of the secret.
    const words = code === 334 ? NOT_SHOWN : `${enhanced}${enhanced === "" ? "" : " "}${text}`;
    this.#add(this.#entry("gateway", shownReply(`${code} ${words}`)));
  }

  /** The content is here. */
  content(octets: number): void {
    this.#add(this.#entry("client", contentOf(octets)));
  }

  /** A transaction begins with the MAIL that was heard last. */
  began(reversePath: ReversePath): void {
    this.#lines = new Trace(TRANSACTION_LINES_MAX);
    this.#matched = this.#tests === undefined;
    this.#settleMail();
    if (reversePath) this.named(reversePath);
  }

  /** An address of the transaction. */
  named(address: Address): void {
    this.#matched ||= this.#tests?.some((matches) => matches(address)) === true;
  }

  /**
   * Takes in what is said to and by a next hop; undefined where nobody wants to know.
   *
   * @param octets of the content; it follows a 354, and BDAT tells its octets itself
   */
  withNextHop(octets: number): DeliverOptions["onLine"] {
    if (!this.#matched) return undefined;
    const lines = this.#lines;
    return (server, who, line) => {
      const text = who === "nextHop" ? shownReply(line) : shownCommand(line, line.length);
      lines?.add({ ...this.#entry(who, text), server });
      if (who === "nextHop" && line.startsWith("354"))
        lines?.add({ ...this.#entry("gateway", contentOf(octets)), server });
    };
  }

  /**
   * The entries of a transaction's record with the lines among them; undefined where nobody wants to know.
   *
   * @param before entries of the session, by its clock
   * @param own those of the transaction, by its clock
   * @param startedAt of the transaction, monotonic
   */
  among(
    before: readonly TraceEntry[],
    own: readonly TraceEntry[],
    startedAt: number,
  ): { readonly entries: readonly TraceEntry[]; readonly dropped: number } | undefined {
    if (!this.#matched) return undefined;
    const opening = this.#opening.entries();
    const lines = this.#lines?.entries() ?? { entries: [], dropped: 0 };
    const offset = startedAt - this.#startedAt;
    const later = lines.entries.map((line) => ({ ...line, at: Math.max(0, rounded(line.at - offset)) }));
    const first = opening.entries.map((line) => ({ ...line, opening: true }) as TraceLine);
    return {
      entries: [...merged(before, first), ...merged(own, later)],
      dropped: opening.dropped + lines.dropped,
    };
  }

  #entry(who: TraceLine["who"], line: string): TraceLine {
    return { at: rounded(this.#clock.monotonic() - this.#startedAt), who, line };
  }

  #add(entry: TraceLine): void {
    (this.#lines ?? this.#opening).add(entry);
  }

  #settleMail(): void {
    if (this.#mail) this.#add(this.#mail);
    this.#mail = undefined;
  }
}

type AddressTest = (address: Address) => boolean;

function addressTest(patterns: readonly string[]): AddressTest {
  const wanted = new Set(
    patterns.map((pattern) => {
      const at = pattern.lastIndexOf("@");
      const domain = pattern.slice(at + 1);
      return `${pattern.slice(0, at).toLowerCase()}@${domainToAscii(domain) ?? domain}`;
    }),
  );
  return ({ localPart, domainAscii }) =>
    wanted.has(`*@${domainAscii}`) || wanted.has(`${localPart.toLowerCase()}@${domainAscii}`);
}

/** Both in the order of time; each keeps its own order. */
function merged(entries: readonly TraceEntry[], lines: readonly TraceEntry[]): readonly TraceEntry[] {
  const all: TraceEntry[] = [];
  let next = 0;
  for (const entry of entries) {
    while (next < lines.length && lines[next]!.at <= entry.at) all.push(lines[next++]!);
    all.push(entry);
  }
  return [...all, ...lines.slice(next)];
}

function shownCommand(text: string, octets: number): string {
  const verb = (/^[A-Za-z]{4,8}(?![^ ])/.exec(text)?.[0] ?? "").toUpperCase();
  if (SHOWN.has(verb)) return verb + shownLine(text.slice(verb.length));
  if (BARE.has(verb)) return verb;
  if (verb !== "AUTH") return `(${octets} octets that are no command)`;
  const mechanism = (text.slice(5).trim().split(" ", 1)[0] ?? "").toUpperCase();
  return MECHANISMS.has(mechanism) ? `AUTH ${mechanism} ${NOT_SHOWN}` : `AUTH ${NOT_SHOWN}`;
}

/** Of a reply each line by itself, parted by "\n". */
const shownReply = (reply: string): string => reply.split("\n", REPLY_LINES_MAX).map(shownLine).join("\n");

/** Bounded, and with all that moves the text or hides in it escaped. */
function shownLine(text: string): string {
  const cut = text.length > LINE_MAX ? `${text.slice(0, LINE_MAX)}...` : text;
  return cut.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (hidden) => {
    const point = hidden.codePointAt(0) ?? 0;
    return point < 256 ? `\\x${point.toString(16).padStart(2, "0")}` : `\\u{${point.toString(16)}}`;
  });
}

const contentOf = (octets: number): string => `(${octets} octets of content)`;

const rounded = (ms: number): number => Math.round(ms * 1000) / 1000;

/**
 * What clients do: orderly ones, whose replies are known beforehand, and hostile ones, that say anything in any state.
 * Addresses: a.example and b.example are served by two next hops; "refuse..." and "busy..." are what their next hop
 * says of them; elsewhere.example may not be relayed.
 */
import type { SeededRandom } from "./seeded-random.ts";

/** One thing a client does. */
export type Step =
  /** Writes octets, in pieces of random size when `cut`; as one write else. */
  | { readonly do: "say"; readonly octets: Buffer; readonly cut: boolean }
  /** Waits for a reply; `want` is what its code has to be like, absent: anything. */
  | { readonly do: "read"; readonly want?: RegExp; readonly about: string }
  | { readonly do: "pause"; readonly ms: number }
  /** The handshake behind a positive reply to STARTTLS (RFC 3207). */
  | { readonly do: "tls" }
  /** Ends its side of the connection, or all of it. */
  | { readonly do: "leave"; readonly how: "end" | "destroy" | "reset" };

/** A client's session from its first octet to its end. */
export interface Script {
  readonly steps: readonly Step[];
  /** Whether the replies are known: one that is missing is then a failure. */
  readonly isOrderly: boolean;
}

/** Largest message that the gateway takes in a fuzz run. */
export const MESSAGE_BYTES_MAX = 200_000;

const say = (octets: string, random: SeededRandom): Step => ({
  do: "say",
  octets: Buffer.from(octets, "latin1"),
  cut: random.chance(0.2),
});
const read = (about: string, want?: RegExp): Step => ({ do: "read", about, ...(want ? { want } : {}) });

/** Commands that change nothing, each with what the reply has to be. */
const HARMLESS: readonly (readonly [command: string, want: RegExp])[] = [
  ["NOOP", /^250/],
  ["VRFY postmaster", /^25/],
  ["EXPN staff", /^5/],
  ["HELP", /^2/],
  ["FOO bar", /^5/],
  ["MAIL FROM:<not an address", /^5/],
  ["RCPT TO:<someone@a.example", /^5/],
  ["MAIL FROM:<ann@x.example> FOO=BAR", /^5/],
  ["DATA now", /^5/],
  ["", /^5/],
  ["noop", /^250/],
];

/** A session of a client that behaves, with several transactions. */
export function orderlyScript(random: SeededRandom, name: string): Script {
  const steps: Step[] = [read("greeting", /^220/)];
  const ask = (command: string, want: RegExp) => {
    steps.push(say(`${command}\r\n`, random), read(shown(command), want));
  };
  ask(random.chance(0.9) ? `EHLO ${name}.example` : `HELO ${name}.example`, /^250/);
  if (random.chance(0.2)) {
    ask("STARTTLS", /^220/);
    steps.push({ do: "tls" });
    ask(`EHLO ${name}.example`, /^250/);
  }
  const count = random.between(1, 4);
  for (let number = 1; number <= count; number += 1) {
    while (random.chance(0.2)) ask(...random.pick(HARMLESS));
    if (random.chance(0.1)) ask("RSET", /^250/);
    transaction(steps, random, `${name}-${number}`);
    if (steps.at(-1)?.do === "leave") return { steps, isOrderly: true };
  }
  if (random.chance(0.7)) ask("QUIT", /^221/);
  steps.push({ do: "leave", how: random.pick(["end", "destroy", "reset"]) });
  return { steps, isOrderly: true };
}

const shown = (command: string): string => command.slice(0, 60) || "an empty line";

function transaction(steps: Step[], random: SeededRandom, token: string): void {
  const domain = random.pick(["a.example", "b.example"]);
  const recipients = Array.from(
    {
      length: random.weighted([
        [6, 1],
        [2, 2],
        [1, 5],
        [1, 9],
      ]),
    },
    (_, n) =>
      random.weighted<() => string>([
        [16, () => `ok${n}@${domain}`],
        [1, () => `refuse${n}@${domain}`],
        [1, () => `busy${n}@${domain}`],
        [1, () => `ok${n}@${domain === "a.example" ? "b.example" : "a.example"}`],
        [1, () => `ok${n}@elsewhere.example`],
      ])(),
  );
  const isLocal = (path: string): boolean => /@[ab]\.example$/.test(path);
  const first = recipients.find(isLocal);
  const parameters = random.weighted([
    [8, ""],
    [1, " BODY=8BITMIME"],
    [1, " SIZE=1000"],
  ]);
  const group: (readonly [command: string, want: RegExp])[] = [
    [`MAIL FROM:<${random.pick(["ann@x.example", "", `${token}@x.example`])}>${parameters}`, /^2/],
    ...recipients.map((path) => [`RCPT TO:<${path}>`, rcptWant(path, first)] as const),
  ];
  // EHLO was said or not: without it parameters are refused.
  if (parameters !== "") group[0] = [group[0]![0], /^[25]/];
  const isAbandoned = random.chance(0.08);
  const isInChunks = random.chance(0.15);
  if (!isAbandoned && !isInChunks) group.push(["DATA", first === undefined ? /^5/ : /^354|^5/]);
  if (random.chance(0.6)) {
    steps.push(say(group.map(([command]) => `${command}\r\n`).join(""), random));
    for (const [command, want] of group) steps.push(read(shown(command), want));
  } else {
    for (const [command, want] of group)
      steps.push(say(`${command}\r\n`, random), read(shown(command), want));
  }
  if (isAbandoned) {
    if (random.chance(0.5)) steps.push(say("RSET\r\n", random), read("RSET", /^250/));
    else steps.push({ do: "leave", how: random.pick(["end", "destroy", "reset"]) });
    return;
  }
  if (isInChunks) {
    chunks(steps, random, token);
    return;
  }
  if (first === undefined) return;
  content(steps, random, token);
}

/** One next hop a transaction: those of another are told to come apart (RFC 5321 4.5.3.1.10). */
function rcptWant(path: string, first: string | undefined): RegExp {
  if (!/@[ab]\.example$/.test(path)) return /^55/;
  return first !== undefined && path.slice(-9) === first.slice(-9) ? /^25|^5/ : /^452|^5/;
}

function content(steps: Step[], random: SeededRandom, token: string): void {
  const { text, want } = randomContent(random, token);
  const wire = `${stuffed(text)}.\r\n`;
  if (random.chance(0.06)) {
    // Gone in the middle: nothing of it may arrive.
    steps.push(say(wire.slice(0, random.below(wire.length - 3)), random));
    steps.push({ do: "leave", how: random.pick(["end", "destroy", "reset"]) });
    return;
  }
  steps.push(say(wire, random));
  if (random.chance(0.04)) steps.push({ do: "leave", how: random.pick(["end", "destroy", "reset"]) });
  else steps.push(read(`the content ${token}`, want));
}

/** Content by BDAT (RFC 3030 2), the chunks one by one or all at once; RSET, as a refused chunk leaves the rest open. */
function chunks(steps: Step[], random: SeededRandom, token: string): void {
  const { text, want } = randomContent(random, token);
  const count = random.between(1, 4);
  const borders = Array.from({ length: count - 1 }, () => random.below(text.length + 1)).sort(
    (a, b) => a - b,
  );
  const pieces = [0, ...borders].map((from, n) => text.slice(from, borders[n] ?? text.length));
  const said = pieces.map(
    (piece, n) => `BDAT ${piece.length}${n === pieces.length - 1 ? " LAST" : ""}\r\n${piece}`,
  );
  const reads = pieces.map((_, n) =>
    n === pieces.length - 1
      ? read(`the last chunk of ${token}`, new RegExp(`${want.source}|^5`))
      : read(`chunk ${n + 1} of ${token}`, /^[25]/),
  );
  if (random.chance(0.5)) steps.push(say(said.join(""), random), ...reads);
  else for (const [n, octets] of said.entries()) steps.push(say(octets, random), reads[n]!);
  steps.push(say("RSET\r\n", random), read("RSET", /^250/));
}

/** Dots doubled (RFC 5321 4.5.2). */
export const stuffed = (text: string): string => `\r\n${text}`.replaceAll("\r\n.", "\r\n..").slice(2);

/** Content of which each message has its own token, and what the answer to it has to be like. */
export function randomContent(random: SeededRandom, token: string): { text: string; want: RegExp } {
  const head = `Subject: ${token}\r\nFrom: <ann@x.example>\r\n`;
  const line = (): string =>
    random.weighted<() => string>([
      [6, () => "plain text"],
      [2, () => ".dot"],
      [1, () => "."],
      [1, () => "..."],
      [1, () => ""],
      [
        2,
        () =>
          random
            .bytes(random.below(60))
            .toString("latin1")
            .replace(/[\r\n\0]/g, "x"),
      ],
      [1, () => "x".repeat(random.below(900))],
    ])();
  const lines = (count: number): string => Array.from({ length: count }, () => `${line()}\r\n`).join("");
  return random.weighted<() => { text: string; want: RegExp }>([
    [12, () => ({ text: `${head}\r\n${lines(random.below(20))}`, want: /^[245]/ })],
    [2, () => ({ text: `${head}\r\n${lines(random.between(800, 1_500))}`, want: /^[245]/ })],
    [1, () => ({ text: head, want: /^[245]/ })],
    [1, () => ({ text: `${lines(3)}${token}\r\n`, want: /^[245]/ })],
    [1, () => ({ text: `\t${token}\r\n${head}\r\n`, want: /^[245]/ })],
    [1, () => ({ text: `${head}\r\nbare${random.pick(["\r", "\n", "\0"])}octet\r\n`, want: /^5/ })],
    [
      1,
      () => ({
        text: `${head}\r\n${"x".repeat(998)}\r\n`.padEnd(MESSAGE_BYTES_MAX + 2_000, "y\r\n"),
        want: /^552/,
      }),
    ],
    [1, () => ({ text: `${"Received: from a by b\r\n".repeat(120)}${head}\r\n`, want: /^5/ })],
  ])();
}

/** A session of anything, in any state. */
export function hostileScript(random: SeededRandom, name: string): Script {
  const steps: Step[] = random.chance(0.8) ? [read("greeting")] : [];
  const count = random.between(1, 25);
  let messages = 0;
  const message = (): string => stuffed(randomContent(random, `${name}-h${++messages}`).text);
  const paths = (): string => {
    const text = random.pick(["MAIL FROM:<ann@x.example>", "MAIL FROM:<>", "mail from: <ann@x.example>"]);
    return `${text}\r\n${"RCPT TO:<ok@a.example>\r\n".repeat(random.between(0, 3))}`;
  };
  const piece = (): string =>
    random.weighted<() => string>([
      [6, () => `EHLO ${name}.example\r\n${paths()}DATA\r\n${message()}.\r\n`],
      [4, () => `${paths()}DATA\r\n${message()}.\r\n`],
      [4, () => `EHLO ${name}.example\r\n`],
      [4, paths],
      [3, () => "DATA\r\n"],
      [3, () => `${message()}.\r\n`],
      [2, () => bdat(random, `Subject: ${name}-b${++messages}\r\n\r\n..chunk\r\n`)],
      [2, () => "RSET\r\n"],
      [2, () => "NOOP\r\n".repeat(random.between(1, 40))],
      [1, () => `STARTTLS\r\n${random.pick(["", "\x16\x03\x01\x00\x05", "NOOP\r\n"])}`],
      [2, () => random.pick(["QUIT\r\n", "STARTTLS\r\n", "AUTH PLAIN AAAA\r\n", "AUTH LOGIN\r\n*\r\n"])],
      [
        2,
        () => random.pick(["\r\n", "\n", "\r", ".", ".\r\n", "\r\n.\r\n", "\n.\n", "\n.\r\n", "\r.\r", "\0"]),
      ],
      [2, () => random.bytes(random.between(1, 300)).toString("latin1")],
      [1, () => "MAIL FROM:<".padEnd(random.between(400, 40_000), "a")],
      [1, () => `RCPT TO:<${"x".repeat(300)}@a.example>\r\n`],
      [1, () => "RCPT TO:<ok@xn--a.example>\r\nRCPT TO:<\u00c3\u00a9@a.example>\r\n"],
      [1, () => "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nXCLIENT ADDR=192.0.2.1\r\n"],
    ])();
  for (let at = 0; at < count; at += 1) {
    let octets = piece();
    // Half a piece, the rest of which never comes.
    if (random.chance(0.08)) octets = octets.slice(0, random.below(octets.length));
    steps.push(say(octets, random));
    if (random.chance(0.4)) steps.push(read("something"));
    if (random.chance(0.1)) steps.push({ do: "pause", ms: random.below(30) });
  }
  steps.push({
    do: "leave",
    how: random.weighted([
      [4, "end"],
      [1, "destroy"],
      [1, "reset"],
    ]),
  });
  return { steps, isOrderly: false };
}

/** One message by BDAT (RFC 3030 2), whole, or with a count that is not that of its octets. */
function bdat(random: SeededRandom, text: string): string {
  const size = random.weighted([
    [6, text.length],
    [1, text.length + 9],
    [1, 0],
  ]);
  const word = random.pick([" LAST", " LAST", "", " FIRST"]);
  return `MAIL FROM:<ann@x.example>\r\nRCPT TO:<ok@a.example>\r\nBDAT ${size}${word}\r\n${text}`;
}

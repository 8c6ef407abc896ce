/** What the test with Postfix sends by swaks, and what Postfix refuses. */
import { randomBytes } from "node:crypto";

/** One run of swaks. */
export interface SwaksMail {
  readonly name: string;
  /** Its arguments beside sender and recipients; `fileOf` writes a file and gives its path. */
  args(fileOf: (content: Buffer) => Promise<string>): Promise<readonly string[]> | readonly string[];
  /** Who gets it; absent: ann. */
  readonly mailboxes?: readonly string[];
  /** Absent: that of sender@example.net. */
  readonly returnPath?: string;
  readonly tls?: boolean;
  /** Octets that the content has at least. */
  readonly bytesMin?: number;
}

export const SWAKS_MAILS: readonly SwaksMail[] = [
  { name: "plain text", args: () => ["--body", "hello\n.\n..dots\n"] },
  {
    name: "an attachment",
    args: async (fileOf) => [
      "--attach-body",
      "see below",
      "--attach-name",
      "a.bin",
      "--attach",
      `@${await fileOf(randomBytes(100_000))}`,
    ],
    bytesMin: 130_000,
  },
  { name: "plain text over STARTTLS", args: () => ["--tls", "--body", "secret"], tls: true },
  {
    name: "three recipients",
    args: () => [],
    mailboxes: ["ann", "bob", "carol"],
  },
  {
    name: "5 MB",
    args: async (fileOf) => [
      "--attach-name",
      "large.bin",
      "--attach",
      `@${await fileOf(randomBytes(3_800_000))}`,
    ],
    bytesMin: 5_000_000,
  },
  {
    name: "5 MB over STARTTLS to three recipients",
    args: async (fileOf) => [
      "--tls",
      "--attach-name",
      "large.bin",
      "--attach",
      `@${await fileOf(randomBytes(3_800_000))}`,
    ],
    mailboxes: ["ann", "bob", "carol"],
    tls: true,
    bytesMin: 5_000_000,
  },
  {
    name: "8-bit octets that are no UTF-8",
    args: async (fileOf) => {
      const fields =
        "From: a@example.net\nDate: Tue, 1 Jul 2025 10:00:00 +0000\nMessage-ID: <1@example.net>\n";
      const text = Buffer.from(`${fields}Subject: caf\xe9\n\nGr\xfc\xdfe \x80\xff\n`, "latin1");
      return ["--data", `@${await fileOf(text)}`];
    },
  },
  { name: "the null reverse-path", args: () => ["--from", "<>"], returnPath: "<>" },
];

/** What Postfix refuses, and how the client hears of it. */
export const REFUSALS: readonly {
  readonly name: string;
  readonly args: readonly string[];
  readonly want: RegExp;
}[] = [
  {
    name: "an unknown recipient",
    args: ["--to", "nobody@example.com"],
    want: /^550 5\.1\.1 <nobody@example\.com>: Recipient address rejected: User unknown in virtual mailbox table \(ref \w+\)$/,
  },
  {
    name: "one of three recipients",
    args: ["--to", "ann@example.com,nobody@example.com,bob@example.com"],
    want: /^550 5\.1\.1 <nobody@example\.com>: Recipient address rejected: User unknown in virtual mailbox table \(ref \w+\)$/,
  },
  {
    name: "a sender, for now",
    args: ["--to", "ann@example.com", "--from", "busy@example.net"],
    want: /^450 4\.7\.1 <busy@example\.net>: Sender address rejected: Come back later \(ref \w+\)$/,
  },
  {
    name: "a content",
    args: ["--to", "ann@example.com", "--h-Subject", "refuse me"],
    want: /^550 5\.7\.1 That subject is not taken \(ref \w+\)$/,
  },
];

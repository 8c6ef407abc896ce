/**
 * A message of 50 MB that leaves in three forms, each with a footer of its own inside its base64 and signed twice: what
 * memory and files that takes. It comes by LMTP, which answers each recipient, so that three deliveries need no queue.
 */
import { readdirSync, statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import type { Rig } from "../processes.ts";
import { startNodeSubject } from "../subjects.ts";
import type { Verdict } from "../verdicts.ts";
import { type AuthMaterial, SENDER } from "./material.ts";

const MESSAGE_BYTES = 50e6;
const WARM_UP_BYTES = 1e6;
const RECIPIENTS = ["ann@rcpt.example", "bob@rcpt.example", "cat@rcpt.example"];
const RSS_BYTES_MAX = 64e6;
const SETTLE_MS = 2_000;
const LOOK_MS = 20;

/** Figures of the one message. */
export interface VariantsFigures {
  readonly rssBytesBefore: number;
  readonly rssPeakBytes: number;
  /** The most of content that lay in the data folder at once. */
  readonly filesMax: number;
  readonly fileBytesMax: number;
  readonly filesAfter: number;
  readonly tookMs: number;
}

/** Sends it. @throws Error when it is not accepted for all */
export async function measureVariants(
  rig: Rig,
  material: AuthMaterial,
  progress: (text: string) => void,
): Promise<{ readonly variants: VariantsFigures; readonly verdicts: readonly Verdict[] }> {
  const env = { BENCH_RSA: material.privateKey, BENCH_ED25519: material.ed25519Key };
  const subject = await startNodeSubject("auth-variants", rig.sinkPort, [], env);
  try {
    progress("variants: warm-up");
    await sendLmtp(subject.port, base64Message(WARM_UP_BYTES));
    await sleep(SETTLE_MS);
    const { rssBytes: rssBytesBefore } = await subject.usage();
    progress(`variants: ${MESSAGE_BYTES / 1e6} MB`);
    const message = base64Message(MESSAGE_BYTES);
    const takenBefore = await rig.taken();
    const watch = watchContent(subject.data);
    const began = performance.now();
    await sendLmtp(subject.port, message);
    const tookMs = performance.now() - began;
    const { filesMax, fileBytesMax } = watch.end();
    const { rssPeakBytes } = await subject.usage();
    const taken = (await rig.taken()) - takenBefore;
    if (taken !== RECIPIENTS.length) throw new Error(`${taken} of ${RECIPIENTS.length} variants arrived`);
    const filesAfter = contentOf(subject.data).length;
    const figures = { rssBytesBefore, rssPeakBytes, filesMax, fileBytesMax, filesAfter, tookMs };
    return { variants: figures, verdicts: verdictsOf(figures) };
  } finally {
    await subject.end();
  }
}

function verdictsOf(figures: VariantsFigures): readonly Verdict[] {
  const { rssBytesBefore, rssPeakBytes, filesMax, fileBytesMax, filesAfter, tookMs } = figures;
  const extra = rssPeakBytes - rssBytesBefore;
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
  const what = `${megabytes(MESSAGE_BYTES)} in ${RECIPIENTS.length} variants, each signed twice`;
  return [
    {
      target: `variants: ${what}, take less than ${megabytes(RSS_BYTES_MAX)} of memory`,
      found: `${megabytes(extra)} over the ${megabytes(rssBytesBefore)} before, in ${(tookMs / 1000).toFixed(1)} s`,
      met: extra < RSS_BYTES_MAX,
    },
    {
      target: "variants: files hold the message once, and are gone afterwards",
      found: `at most ${filesMax} with ${megabytes(fileBytesMax)}, ${filesAfter} left`,
      met: filesMax <= 1 && fileBytesMax <= MESSAGE_BYTES && filesAfter === 0,
    },
  ];
}

/** A text in base64, of as many octets. */
function base64Message(bytes: number): Buffer {
  const header = [
    `From: Ann Example <${SENDER}>`,
    "To: list@rcpt.example",
    "Subject: A long text",
    "Date: Tue, 3 Mar 2026 10:11:10 +0000",
    "Message-ID: <20260303101110.50mb@sender.example>",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: base64",
    "",
    "",
  ].join("\r\n");
  const line = `${Buffer.from("The quick brown fox jumps over the lazy dog, and again. ".repeat(2).slice(0, 57)).toString("base64")}\r\n`;
  const lines = Math.floor((bytes - header.length) / line.length);
  const message = Buffer.alloc(header.length + lines * line.length, line, "latin1");
  message.write(header, 0, "latin1");
  message.fill(line, header.length, undefined, "latin1");
  return message;
}

/** Looks at the files of content again and again. */
function watchContent(folder: string) {
  const most = { filesMax: 0, fileBytesMax: 0 };
  const timer = setInterval(() => {
    const sizes = contentOf(folder);
    most.filesMax = Math.max(most.filesMax, sizes.length);
    most.fileBytesMax = Math.max(
      most.fileBytesMax,
      sizes.reduce((sum, size) => sum + size, 0),
    );
  }, LOOK_MS);
  return {
    end: () => {
      clearInterval(timer);
      return most;
    },
  };
}

/** The sizes of all files but traces, and of what the folder has from its start. */
function contentOf(folder: string): readonly number[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".content"))
    .flatMap(({ parentPath, name }) => {
      try {
        return statSync(join(parentPath, name)).size;
      } catch {
        // Gone meanwhile.
        return [];
      }
    });
}

/** @throws Error at the first reply that is no acceptance */
async function sendLmtp(port: number, message: Buffer): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  try {
    const replies = repliesOf(socket);
    const expect = async (code: string): Promise<void> => {
      const { value } = await replies.next();
      if (!String(value).startsWith(code)) throw new Error(`found "${value}", expected ${code}`);
    };
    await expect("220");
    for (const command of [
      "LHLO load.example",
      `MAIL FROM:<${SENDER}>`,
      ...RECIPIENTS.map((recipient) => `RCPT TO:<${recipient}>`),
    ]) {
      socket.write(`${command}\r\n`);
      await expect("250");
    }
    socket.write("DATA\r\n");
    await expect("354");
    socket.write(message);
    socket.write(".\r\n");
    for (const _ of RECIPIENTS) await expect("250");
    socket.write("QUIT\r\n");
  } finally {
    socket.end();
  }
}

/** The last lines of replies. */
async function* repliesOf(socket: Socket): AsyncGenerator<string> {
  for await (const line of createInterface({ input: socket })) if (line[3] !== "-") yield line;
}

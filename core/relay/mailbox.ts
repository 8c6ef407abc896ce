/**
 * The built-in mailbox: a next hop that keeps each delivery as `<id>.eml` beside `<id>.json` with its envelope, in one
 * folder. Acts as the final delivery of RFC 5321 4.4, so the file begins with Return-Path. It does not expire, index
 * or serve anything: the page reads through {@link MailboxReader}.
 */
import { chmod, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { DeliverOptions, Delivery, DeliveryResult, NextHopDriver } from "../gateway/mod.ts";
import type { Content, Reply } from "../mail/mod.ts";
import type { Clock } from "../pipeline/mod.ts";
import { fileContent } from "./file-content.ts";
import { createFolderSync, writeSynced } from "./synced-files.ts";

/** The envelope of a kept delivery. */
export interface MailboxEnvelope {
  /** "" for the null reverse-path. */
  readonly reversePath: string;
  readonly recipients: readonly string[];
  /** Epoch milliseconds. */
  readonly receivedAt: number;
}

/** One kept delivery as a list shows it. */
export interface MailboxEntry extends MailboxEnvelope {
  /** The delivery's id, with `.<number>` for the second and later deliveries of a message. */
  readonly id: string;
  /** Octets of the file, Return-Path included. */
  readonly size: number;
}

/** Reads what a mailbox keeps. */
export interface MailboxReader {
  /** The delivery of that id; undefined when there is none or the id is not well-formed. */
  open(id: string): Promise<(MailboxEnvelope & { readonly content: Content }) | undefined>;
  /** Newest first, those with an id below `before`. */
  list(options: { readonly before?: string; readonly limit: number }): Promise<readonly MailboxEntry[]>;
}

/** What {@link createMailboxDriver} needs. */
export interface MailboxOptions {
  /** The name of the next hop. */
  readonly name: string;
  /** Absolute path; made with mode 0700 when the first message comes. */
  readonly folder: string;
  readonly clock: Clock;
}

const listMax = 1000;
const idPattern = /^[0-9a-z]+(?:\.[0-9a-z]+)*$/;
const encoder = new TextEncoder();

/**
 * Makes the driver of one mailbox. `deliver` resolves as delivered only when file, envelope and folder are on disk;
 * delivering the same id and number again replaces the file with the same bytes.
 */
export function createMailboxDriver({ name, folder, clock }: MailboxOptions): NextHopDriver & MailboxReader {
  const folderSync = createFolderSync(folder);
  let ready: Promise<void> | undefined;
  const running = new Set<Promise<unknown>>();

  function prepare(): Promise<void> {
    ready ??= prepareFolder(folder).catch((error: unknown) => {
      ready = undefined;
      throw error;
    });
    return ready;
  }

  async function keep(delivery: Delivery, signal: AbortSignal): Promise<void> {
    const id = delivery.number > 1 ? `${delivery.id}.${delivery.number}` : delivery.id;
    if (!validId(id)) throw new Error(`the id ${JSON.stringify(id.slice(0, 40))} can not be a file name`);
    await prepare();
    const envelope: MailboxEnvelope = {
      reversePath: delivery.reversePath?.text ?? "",
      recipients: delivery.recipients.map((recipient) => recipient.forwardPath.text),
      receivedAt: clock.now(),
    };
    // RFC 5321 4.4: the final delivery puts Return-Path first. Controls can not come in by a parsed path; were one
    // there, it would make a header field of its own.
    if (/[\x00-\x1f\x7f]/.test(envelope.reversePath))
      throw new Error("the reverse-path holds a control character");
    const head = encoder.encode(`Return-Path: <${envelope.reversePath}>\r\n`);
    const written = await Promise.allSettled([
      writeSynced(folder, head, delivery.content),
      writeSynced(folder, encoder.encode(`${JSON.stringify(envelope)}\n`)),
    ]);
    const [message, sidecar] = written;
    try {
      if (message.status === "rejected") throw message.reason;
      if (sidecar.status === "rejected") throw sidecar.reason;
      signal.throwIfAborted();
      // The envelope first: an .eml that can be seen always has one.
      await rename(sidecar.value, join(folder, `${id}.json`));
      await rename(message.value, join(folder, `${id}.eml`));
    } catch (error) {
      for (const file of written)
        if (file.status === "fulfilled") await rm(file.value, { force: true }).catch(() => undefined);
      if (!(await exists(join(folder, `${id}.eml`))))
        await rm(join(folder, `${id}.json`), { force: true }).catch(() => undefined);
      throw error;
    }
    await folderSync();
  }

  async function deliver(delivery: Delivery, { signal, proceed }: DeliverOptions): Promise<DeliveryResult> {
    try {
      if (!proceed(delivery.recipients.map(() => "accepted" as const))) return all(delivery, notSent);
      signal.throwIfAborted();
      const kept = keep(delivery, signal);
      running.add(kept);
      try {
        await kept;
      } finally {
        running.delete(kept);
      }
      return all(delivery, delivered);
    } catch (error) {
      // Somebody removed the folder: the next message makes it again.
      if (codeOf(error) === "ENOENT") ready = undefined;
      const full = codeOf(error) === "ENOSPC" || codeOf(error) === "EDQUOT";
      return all(delivery, full ? mailboxFull : notKept, `mailbox ${name}: ${messageOf(error)}`);
    }
  }

  async function open(id: string) {
    if (!validId(id)) return undefined;
    const content = await fileContent(join(folder, `${id}.eml`)).catch(absent);
    return content && { ...(await readEnvelope(folder, id)), content };
  }

  async function list({ before, limit }: { readonly before?: string; readonly limit: number }) {
    const names = (await readdir(folder).catch(absent)) ?? [];
    const ids = names
      .filter((file) => file.endsWith(".eml"))
      .map((file) => file.slice(0, -4))
      .filter((id) => validId(id) && (before === undefined || id < before))
      .sort((a, b) => (a < b ? 1 : -1))
      .slice(0, Math.max(0, Math.min(limit, listMax)));
    const entries = await Promise.all(
      ids.map(async (id): Promise<MailboxEntry | undefined> => {
        const file = await stat(join(folder, `${id}.eml`)).catch(absent);
        return file && { id, size: file.size, ...(await readEnvelope(folder, id)) };
      }),
    );
    return entries.filter((entry) => entry !== undefined);
  }

  return {
    description: `mailbox ${folder}`,
    deliver,
    open,
    list,
    extensions: () => ({ eightBitMime: true, smtputf8: true, dsn: false, requireTls: false }),
    probe: async () => undefined,
    async close() {
      await Promise.allSettled(running);
    },
  };
}

const delivered: Reply = { code: 250, enhanced: "2.0.0", text: "Kept in the mailbox" };
const notSent: Reply = {
  code: 451,
  enhanced: "4.3.0",
  text: "Not delivered with the other recipients, try again",
};
const notKept: Reply = { code: 451, enhanced: "4.3.0", text: "The mailbox can not keep the message now" };
const mailboxFull: Reply = { code: 452, enhanced: "4.3.1", text: "The mailbox has no space left" };

function all(delivery: Delivery, reply: Reply, cause?: string): DeliveryResult {
  const result = { status: reply.code === 250 ? "delivered" : "tempfailed", reply } as const;
  const recipients = delivery.recipients.map(() => result);
  return cause === undefined ? { recipients, ended: "reply" } : { recipients, ended: "reply", cause };
}

/** Makes the folder private and clears what a killed process left half written. */
async function prepareFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  for (const file of await readdir(folder))
    if (file.startsWith(".tmp-")) await rm(join(folder, file), { force: true });
  // The folder's own name must last too, or the first message would go with it.
  const parent = await open(join(folder, ".."), "r");
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
}

/** The envelope beside a message; a message whose envelope was lost is shown without one. */
async function readEnvelope(folder: string, id: string): Promise<MailboxEnvelope> {
  try {
    const value: unknown = JSON.parse(await readFile(join(folder, `${id}.json`), "utf8"));
    if (isEnvelope(value)) return value;
  } catch {
    // Missing or damaged: fall through.
  }
  return { reversePath: "", recipients: [], receivedAt: 0 };
}

function isEnvelope(value: unknown): value is MailboxEnvelope {
  if (typeof value !== "object" || value === null) return false;
  const { reversePath, recipients, receivedAt } = value as Record<string, unknown>;
  return typeof reversePath === "string" && Array.isArray(recipients) && typeof receivedAt === "number";
}

/** Ids become file names: nothing but digits, small letters and single dots between them. */
function validId(id: string): boolean {
  return id.length <= 100 && idPattern.test(id);
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

function absent(error: unknown): undefined {
  if (codeOf(error) !== "ENOENT") throw error;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

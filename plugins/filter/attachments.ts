/**
 * Refuses dangerous attachments by name, declared type and first octets, in nested messages (RFC 2046 5.2.1) and by
 * the names in zip archives. It unpacks nothing and is no virus scanner: rar, 7z and what is compressed within a zip
 * are known by name only, and uuencoded text and TNEF are not looked into.
 */
import {
  definePlugin,
  fact,
  type MessageVerdict,
  type Part,
  type Plugin,
  reject,
  tempfail,
  z,
} from "postern";
import { countOption, objectOption, parseOptions } from "../options.ts";
import { headBytes, sniffType } from "./file-kind.ts";
import { hasExtension, isArchiveName, isZipName, namesOf } from "./file-name.ts";
import { type ZipFindings, ZipScan } from "./zip-scan.ts";

/** Extensions that run something when opened, or hold such files unseen. */
export const DANGEROUS_EXTENSIONS: readonly string[] =
  "ade adp app appx bat cab chm cmd com cpl dll exe hta img ins iso jar jnlp js jse lnk mde msc msi msp mst pif ps1 reg scf scr sct shb sys url vb vbe vbs vhd vhdx wsc wsf wsh xll".split(
    " ",
  );

/** Types that run something when opened, as declared or as their first octets tell. */
export const DANGEROUS_TYPES: readonly string[] = [
  "application/hta",
  "application/vnd.microsoft.portable-executable",
  "application/vnd.ms-cab-compressed",
  "application/vnd.ms-htmlhelp",
  "application/x-dosexec",
  "application/x-elf",
  "application/x-mach-binary",
  "application/x-ms-shortcut",
  "application/x-msdos-program",
  "application/x-msdownload",
];

/**
 * What was found attached: the first 100 files with their names as decoded, and their types as the first octets tell
 * or else as declared. `complete` is false where something could not be looked at: broken, or past a bound.
 */
export const Attachments = fact("attachments", {
  stage: "data",
  scope: "transaction",
  schema: z.object({
    files: z.array(z.strictObject({ name: z.string(), type: z.string() })),
    complete: z.boolean(),
  }),
  fallback: { files: [], complete: false },
});

/** Options of `attachments`; a list given takes the place of the default one. */
export interface AttachmentsOptions {
  readonly refuse?: {
    /** Without the dot, letter case aside; also looked for within zip archives. Default `DANGEROUS_EXTENSIONS`. */
    readonly extensions?: readonly string[];
    /** As "application/x-msdownload". Default `DANGEROUS_TYPES`. */
    readonly types?: readonly string[];
  };
  /** Refuse zip archives with a file that needs a password. Default false. */
  readonly refuseEncryptedZip?: boolean;
  /** Refuse zip archives with a file whose name is that of an archive. Default false. */
  readonly refuseNestedArchives?: boolean;
  /** Body parts looked at, nested messages included. Default 500, at most 999. */
  readonly partsMax?: number;
  /** Decoded octets of zip archives read in one message. None is kept in memory. Default 64 MiB. */
  readonly bytesMax?: number;
  /** Names read of one zip archive. Default 2,000. */
  readonly entriesMax?: number;
  /** What happens to a message past a bound, or with a part that can not be looked at. Default "reject". */
  readonly onBounds?: "tempfail" | "reject" | "pass";
}

/** Files that the fact lists: it is kept with each trace. */
const FILES_LISTED_MAX = 100;
const NAME_LISTED_MAX = 255;

/**
 * Refuses attachments with 5.7.1 in the stage `data`, and provides the fact `Attachments`.
 *
 * @throws TypeError when an option is wrong
 */
export function attachments(options: AttachmentsOptions = {}): Plugin<"attachments", never, false> {
  const rules = parseOptions("attachments", OPTIONS, options);
  return definePlugin({
    name: "attachments",
    provides: [Attachments],
    async data(ctx): Promise<MessageVerdict | undefined> {
      const look = new Look(rules);
      await look.at(await ctx.message.structure());
      const { files, complete, refused } = look;
      ctx.provide(Attachments, { files, complete });
      if (refused) return reject("5.7.1", `We do not take ${refused}`);
      if (complete || rules.onBounds === "pass") return undefined;
      const text = "The attachments can not be checked";
      return rules.onBounds === "reject" ? reject("5.7.1", text) : tempfail("4.7.1", text);
    },
  });
}

const wordSet = (what: string, pattern: RegExp, fallback: readonly string[]) =>
  z
    .array(z.string({ error: what }).regex(pattern, what), `a list, each ${what}`)
    .default([...fallback])
    .transform((words): ReadonlySet<string> => new Set(words.map((word) => word.toLowerCase())));
const FLAG = z.boolean({ error: "true or false" }).default(false);
const OPTIONS = objectOption({
  refuse: objectOption({
    extensions: wordSet("an extension without a dot", /^[^.\s]+$/, DANGEROUS_EXTENSIONS),
    types: wordSet("a type as 'application/zip'", /^[^/\s]+\/[^/\s]+$/, DANGEROUS_TYPES),
  }).prefault({}),
  refuseEncryptedZip: FLAG,
  refuseNestedArchives: FLAG,
  // The walk over the structure ends at 1,000 parts: with fewer looked at, ours is the bound that is met.
  partsMax: countOption(1, 999).default(500),
  bytesMax: countOption(1024, 2 ** 31).default(64 * 2 ** 20),
  entriesMax: countOption(1, 1_000_000).default(2000),
  onBounds: z
    .enum(["tempfail", "reject", "pass"], { error: "'tempfail', 'reject' or 'pass'" })
    .default("reject"),
});

/** A look at one message. */
class Look {
  readonly files: { name: string; type: string }[] = [];
  complete = true;
  /** What is refused, in words for the client. */
  refused: string | undefined;
  readonly #rules: z.output<typeof OPTIONS>;
  #room: number;

  constructor(rules: z.output<typeof OPTIONS>) {
    this.#rules = rules;
    this.#room = rules.bytesMax;
  }

  async at(root: Part): Promise<void> {
    const pending: Part[] = [root];
    let seen = 0;
    for (let part = pending.pop(); part; part = pending.pop()) {
      if (++seen > this.#rules.partsMax) {
        this.complete = false;
        return;
      }
      if (isUnseen(part)) this.complete = false;
      await this.#atPart(part);
      pending.push(...part.children.toReversed());
    }
  }

  async #atPart(part: Part): Promise<void> {
    const { extensions, types } = this.#rules.refuse;
    const names = namesOf(part);
    if (names.some((name) => hasExtension(name, extensions)) || types.has(part.contentType)) {
      this.refused = "this kind of attachment";
    }
    if (part.children.length > 0) return;
    const declaredZip = ZIP_TYPES.has(part.contentType) || names.some(isZipName);
    const { type, zip } = await this.#read(part, declaredZip);
    if (type !== undefined && types.has(type)) this.refused = "this kind of attachment";
    if ((names.length > 0 || type !== undefined) && this.files.length < FILES_LISTED_MAX) {
      const name = (names[0] ?? "").slice(0, NAME_LISTED_MAX).toWellFormed();
      this.files.push({ name, type: type ?? part.contentType });
    }
    if (zip) this.#atZip(zip);
  }

  #atZip({ names, encrypted, complete }: ZipFindings): void {
    if (!complete) this.complete = false;
    const { refuse, refuseEncryptedZip, refuseNestedArchives } = this.#rules;
    // A name that ends with a slash is that of a folder.
    const files = names.filter((name) => !name.endsWith("/"));
    if (files.some((name) => hasExtension(name, refuse.extensions))) {
      this.refused = "this kind of file in an archive";
    }
    if (encrypted && refuseEncryptedZip) this.refused = "encrypted archives";
    if (refuseNestedArchives && files.some(isArchiveName)) this.refused = "archives in archives";
  }

  /** Reads the first octets of a part, and all of it where it is a zip archive. */
  async #read(
    part: Part,
    declaredZip: boolean,
  ): Promise<{ readonly type: string | undefined; readonly zip?: ZipFindings }> {
    const head = new Uint8Array(headBytes);
    let length = 0;
    let scan = declaredZip ? new ZipScan(this.#rules.entriesMax) : undefined;
    for await (const chunk of part.readDecoded()) {
      if (length < headBytes) {
        const more = chunk.subarray(0, headBytes - length);
        head.set(more, length);
        const before = length;
        length += more.length;
        if (!scan && length >= 4 && sniffType(head) === ZIP) {
          scan = new ZipScan(this.#rules.entriesMax);
          scan.update(head.slice(0, before));
        }
      }
      if (!scan && length >= headBytes) break;
      if (!scan) continue;
      this.#room -= chunk.length;
      if (this.#room < 0) {
        this.complete = false;
        break;
      }
      scan.update(chunk);
    }
    const type = sniffType(head.subarray(0, length));
    return scan ? { type, zip: scan.finish() } : { type };
  }
}

const ZIP = "application/zip";
const ZIP_TYPES: ReadonlySet<string> = new Set([
  ZIP,
  "application/x-zip",
  "application/x-zip-compressed",
  "application/java-archive",
]);

/**
 * Whether there may be parts that the walk did not find. A multipart that only lacks its last delimiter was seen
 * whole, and one without a body, as a bounce gives them with the header section alone, has nothing to see.
 */
function isUnseen(part: Part): boolean {
  if (!part.incomplete) return false;
  if (part.contentType.startsWith("multipart/") && part.children.length > 0) return false;
  return part.end - part.bodyStart > 4;
}

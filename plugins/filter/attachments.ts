/**
 * Refuses dangerous attachments by name, declared type and first octets, in nested messages (RFC 2046 5.2.1) and by
 * the names in zip archives. It unpacks nothing and is no virus scanner: rar, 7z, tar and what is compressed within a
 * zip are known by name only, and uuencoded text and TNEF are not looked into.
 */
import { definePlugin, fact, type MessageVerdict, type Plugin, reject, tempfail, z } from "postern";
import { countOption, objectOption, parseOptions } from "../options.ts";
import { AttachmentLook } from "./attachment-look.ts";
import { turns } from "./turns.ts";

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
  /** What is refused; each list has its own default. Default both. */
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
  /** Decoded octets of zip archives and encoded messages read in one message. Default 64 MiB. */
  readonly bytesMax?: number;
  /** Names read of one zip archive. Default 2,000. */
  readonly entriesMax?: number;
  /** What happens to a message past a bound, or with a part that can not be looked at. Default "reject". */
  readonly onBounds?: "tempfail" | "reject" | "pass";
}

/**
 * Refuses attachments with 5.7.1 in the stage `data`, and provides the fact `Attachments`.
 *
 * @throws TypeError when an option is wrong
 */
export function attachments(options: AttachmentsOptions = {}): Plugin<"attachments", never, false> {
  const rules = parseOptions("attachments", OPTIONS, options);
  const enter = turns(HOLDERS_MAX);
  return definePlugin({
    name: "attachments",
    provides: [Attachments],
    async data(ctx): Promise<MessageVerdict | undefined> {
      const look = new AttachmentLook({ ...rules, ...rules.refuse }, enter);
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

/** Looks that hold messages within messages in memory at once; others wait, within the hook's time. */
const HOLDERS_MAX = 2;

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

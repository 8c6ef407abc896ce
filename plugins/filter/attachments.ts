/**
 * Refuses dangerous attachments by name, declared type and first octets, in nested messages and in the directories of
 * zip archives. It unpacks nothing and is no virus scanner.
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
import { parseOptions } from "../options.ts";
import { extensionsOf, sniffType } from "./file-kind.ts";
import { readZipNames } from "./zip-names.ts";

/** Extensions that run something when opened. */
export const DANGEROUS_EXTENSIONS: readonly string[] =
  "ade adp app appx bat cab chm cmd com cpl dll exe hta img ins iso jar jnlp js jse lnk mde msc msi msp mst pif ps1 reg scf scr sct shb sys url vb vbe vbs vhd vhdx wsc wsf wsh xll".split(
    " ",
  );

const LISTED = z.strictObject({ name: z.string(), type: z.string() });

/** What was found attached: names as decoded, types as sniffed or else declared; `complete` is false past a bound. */
export const Attachments = fact("attachments", {
  stage: "data",
  scope: "transaction",
  schema: z.object({ files: z.array(LISTED), complete: z.boolean() }),
  fallback: { files: [], complete: false },
});

const OPTIONS = z.strictObject({
  refuse: z
    .strictObject({
      extensions: z
        .array(z.string().regex(/^[^.\s]+$/, "an extension without a dot"))
        .default([...DANGEROUS_EXTENSIONS]),
      types: z
        .array(z.string().regex(/^[^/\s]+\/[^/\s]+$/, "a type as 'application/zip'"))
        .default([
          "application/x-msdownload",
          "application/x-elf",
          "application/x-mach-binary",
          "application/x-ms-shortcut",
        ]),
    })
    .prefault({}),
  refuseEncryptedZip: z.boolean().default(false),
  partsMax: z.int().min(1).default(500),
  bytesMax: z
    .int()
    .min(1024)
    .default(32 * 1024 * 1024),
  entriesMax: z.int().min(1).default(2000),
  onBounds: z.enum(["tempfail", "reject", "pass"]).default("reject"),
});

/** Options of `attachments`; `bytesMax` counts decoded octets held for zip directories, for each message. */
export type AttachmentsOptions = z.input<typeof OPTIONS>;

/** The first octets of a part; all of them when it is a zip archive that fits into `room`. */
async function readPart(
  part: Part,
  room: number,
): Promise<{ type: string | undefined; bytes: Uint8Array; whole: boolean }> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  let whole = true;
  let type: string | undefined;
  const join = (): Uint8Array => {
    const joined = new Uint8Array(size);
    let at = 0;
    for (const chunk of chunks) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    return joined;
  };
  for await (const chunk of part.readDecoded()) {
    if (size + chunk.length > room) {
      whole = false;
      if (size < 16) chunks.push(chunk.subarray(0, 16));
      if (size < 16) size += Math.min(16, chunk.length);
      break;
    }
    chunks.push(chunk.slice());
    size += chunk.length;
    if (size >= 16 && type === undefined) {
      type = sniffType(join());
      if (type !== "application/zip") break;
    }
  }
  const bytes = join();
  return { type: type ?? sniffType(bytes), bytes, whole };
}

/**
 * Refuses attachments with 5.7.1 and provides the fact `Attachments`.
 *
 * @throws TypeError when an option is wrong
 */
export function attachments(options: AttachmentsOptions = {}): Plugin<"attachments", never, false> {
  const { refuse, refuseEncryptedZip, partsMax, bytesMax, entriesMax, onBounds } = parseOptions(
    "attachments",
    OPTIONS,
    options,
  );
  const extensions = new Set(refuse.extensions.map((extension) => extension.toLowerCase()));
  const types = new Set(refuse.types.map((type) => type.toLowerCase()));
  const isRefused = (name: string): boolean =>
    extensionsOf(name).some((extension) => extensions.has(extension));
  return definePlugin({
    name: "attachments",
    provides: [Attachments],
    async data(ctx): Promise<MessageVerdict | undefined> {
      const files: { name: string; type: string }[] = [];
      let complete = true;
      let refused: string | undefined;
      let seen = 0;
      let room = bytesMax;
      const pending: Part[] = [await ctx.message.structure()];
      for (let part = pending.pop(); part; part = pending.pop()) {
        if (++seen > partsMax) {
          complete = false;
          break;
        }
        if (part.incomplete) complete = false;
        pending.push(...part.children);
        const name = part.fileName ?? "";
        if (isRefused(name) || types.has(part.contentType)) refused = "this kind of attachment";
        if (part.children.length > 0) continue;
        const { type, bytes, whole } = await readPart(part, room);
        if (name !== "" || type) files.push({ name: name.slice(0, 255), type: type ?? part.contentType });
        if (type && types.has(type)) refused = "this kind of attachment";
        if (type !== "application/zip") continue;
        room = Math.max(0, room - bytes.length);
        const zip = whole ? readZipNames(bytes, entriesMax) : undefined;
        if (!zip?.complete) complete = false;
        if (zip?.names.some(isRefused)) refused = "this kind of file in an archive";
        if (zip?.encrypted && refuseEncryptedZip) refused = "encrypted archives";
      }
      ctx.provide(Attachments, { files, complete });
      if (refused) return reject("5.7.1", `We do not take ${refused}`);
      if (complete || onBounds === "pass") return undefined;
      const text = "The attachments can not be checked";
      return onBounds === "reject" ? reject("5.7.1", text) : tempfail("4.7.1", text);
    },
  });
}

/** File names as a person's system would read them: which extension opens the file, and which one only seems to. */
import { decodeWords, type Part, parseParameters } from "postern";

/**
 * Whether a name has an extension of the list: as the last one, or as the one before a last that looks harmless, as
 * "invoice.exe.pdf". What hides an extension counts for nothing: invisible and bidirectional controls, dots and
 * spaces at the end, a stream name after a colon, what follows a NUL, full-width letters.
 */
export function hasExtension(fileName: string, extensions: ReadonlySet<string>): boolean {
  const seen = fileName.slice(-NAME_CHARACTERS_MAX);
  // Some programs end a name at a NUL, others pass over it; a colon begins a stream's name.
  return [seen, ...(seen.includes("\0") ? seen.split("\0") : [])]
    .flatMap((name) => baseName(name).split(":"))
    .some((piece) => {
      const [last, before] = extensionsOf(piece).reverse();
      if (last !== undefined && extensions.has(last)) return true;
      if (last === undefined || before === undefined || !HARMLESS_LOOKING.has(last)) return false;
      return extensions.has(before) && !ORDINARY_WORDS.has(before);
    });
}

/**
 * All names that readers of mail may give a part: of Content-Disposition and Content-Type, each field of them, each
 * parameter where one is given twice, and the plain form beside one of RFC 2231, since readers differ in which they
 * take. The first is the part's `fileName`. `whole` is false where there are more than anybody needs.
 */
export function namesOf(part: Part): { readonly names: readonly string[]; readonly whole: boolean } {
  const names = new Set<string>(part.fileName === undefined ? [] : [part.fileName]);
  let room = NAME_PARAMETERS_MAX;
  for (const field of ["content-disposition", "content-type"]) {
    for (const { value } of part.header.all(field)) {
      for (const match of value.matchAll(NAME_PARAMETER)) {
        if (room-- === 0 || value.length > FIELD_CHARACTERS_MAX) return { names: [...names], whole: false };
        addNames(names, value.slice(match.index));
      }
    }
  }
  return { names: [...names], whole: true };
}

/** Adds the names that parameters give, the first of each kind. */
function addNames(names: Set<string>, text: string): void {
  // With another name for the extended form, the plain one is the one that is read.
  for (const form of text.includes("*") ? [text, text.replaceAll("*=", "-extended=")] : [text]) {
    const { parameters } = parseParameters(`;${form}`);
    for (const key of ["filename", "name"]) {
      const name = parameters.get(key);
      if (name !== undefined) names.add(decodeWords(name));
    }
  }
}

/** Where a parameter begins that names a file; each is read from there, so that a second one counts as well. */
const NAME_PARAMETER = /(?<![\w*-])(?:file)?name(?:\*\d{0,3})?\*?\s*=/gi;
/** Such parameters read of one part, continuations counted singly: each reading goes over the rest of its field. */
const NAME_PARAMETERS_MAX = 24;
const FIELD_CHARACTERS_MAX = 4096;

/** Whether a name says that the file is a zip archive, or one of the formats that are. */
export const isZipName = (fileName: string): boolean => ZIPS.has(lastExtension(fileName));

/** Whether a name says that the file is a message. */
export const isMessageName = (fileName: string): boolean => lastExtension(fileName) === "eml";

/** Whether a name says that the file is an archive of any kind. */
export const isArchiveName = (fileName: string): boolean => ARCHIVES.has(lastExtension(fileName));

const words = (text: string): ReadonlySet<string> => new Set(text.split(" "));

/** Last extensions that make a person take a file for a document, a picture or a recording. */
const HARMLESS_LOOKING = words(
  "avi bmp csv doc docx eml gif heic htm html ics jpeg jpg log md mov mp3 mp4 odp ods odt pdf png ppt pptx rtf svg tif tiff txt vcf wav webp xls xlsx xml",
);
/** Extensions that stand in ordinary names too, such as "example.com.pdf" and "node.js.pdf": only the last counts. */
const ORDINARY_WORDS = words("app com img ins iso js reg sys url");
const ZIPS = words("apk docm docx ear epub jar odp ods odt pptm pptx war xlsm xlsx xpi zip zipx");
const ARCHIVES = words("7z ace arj bz2 cab gz iso jar lha lzh rar tar tgz txz xz z zip zipx zst");

/** Characters looked at, from the end: the extension stands there. */
const NAME_CHARACTERS_MAX = 1024;

function baseName(fileName: string): string {
  const shown = fileName
    .slice(-NAME_CHARACTERS_MAX)
    .normalize("NFKC")
    .replace(/[\p{Cc}\p{Cf}]/gu, "")
    .toLowerCase();
  return shown.split(/[/\\]/).findLast((piece) => piece.trim() !== "") ?? "";
}

function extensionsOf(base: string): string[] {
  return base
    .split(".")
    .slice(1)
    .map((extension) => extension.trim())
    .filter((extension) => extension !== "");
}

const lastExtension = (fileName: string): string => extensionsOf(baseName(fileName)).at(-1) ?? "";

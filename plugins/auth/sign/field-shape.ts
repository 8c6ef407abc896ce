/**
 * The shape of a DKIM-Signature field, its tags, their order and its folds, by `generateDKIMHeader` of dkim-signer.
 * That function also hashes and chooses fields by itself, not always rightly: here it is given an empty message, and a
 * header with the names that were chosen, so that nothing of the real one passes it. It knows neither other algorithms
 * and canonical forms nor the tags `i=`, `t=` and `x=`: these are put in.
 */

/** All that is taken of the library, which has no types. */
interface Library {
  generateDKIMHeader(domain: string, selector: string, names: string, headers: string, body: string): string;
}

/** The tags of a signature but for `b=`. */
export interface SignatureTags {
  readonly algorithm: "rsa-sha256" | "ed25519-sha256";
  /** `c=` */
  readonly canonical: string;
  /** `d=`, in A-labels. */
  readonly domain: string;
  readonly selector: string;
  /** `i=`, encoded. Absent: none. */
  readonly identity?: string | undefined;
  /** `t=`, epoch seconds. Absent: none. */
  readonly signedAtSeconds?: number | undefined;
  /** `x=`, epoch seconds. Absent: none. */
  readonly expiresAtSeconds?: number | undefined;
  /** `bh=`, base64 of 32 octets. */
  readonly bodyHash: string;
  /** `h=`, in lower case. */
  readonly names: readonly string[];
}

/** Makes the value of a field up to and with its empty `b=`, line by line. */
export type FieldShape = (tags: SignatureTags) => readonly string[];

let loaded: Promise<FieldShape> | undefined;

/** Loads the library when somebody signs: with what it needs for other things it takes 60 ms. */
export function loadFieldShape(): Promise<FieldShape> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<FieldShape> {
  // @ts-expect-error: the library has no types
  const library: Library = await import("dkim-signer");
  const kept = new Map<string, string>();
  return (tags) => {
    const { signedAtSeconds: signedAt, expiresAtSeconds: expiresAt } = tags;
    const isUsual = [signedAt, expiresAt].every((time) => time === undefined || String(time).length === 10);
    // Most fields differ in times and hashes alone, which have one width: the library is not asked for each.
    const template = isUsual ? keptTemplate(library, tags, kept) : templateOf(library, tags);
    const text = isUsual
      ? template
          .replace(/(;\s+t=)0{10}/, `$1${signedAt}`)
          .replace(/(;\s+x=)0{10}/, `$1${expiresAt}`)
          .replace(EMPTY_HASH, tags.bodyHash)
      : template.replace(EMPTY_HASH, tags.bodyHash);
    return text.split("\r\n ");
  };
}

function keptTemplate(library: Library, tags: SignatureTags, kept: Map<string, string>): string {
  const { algorithm, canonical, domain, selector, identity = "", names, ...times } = tags;
  const signedAtSeconds = times.signedAtSeconds === undefined ? undefined : NO_TIME;
  const expiresAtSeconds = times.expiresAtSeconds === undefined ? undefined : NO_TIME;
  const words = [algorithm, canonical, domain, selector, identity, signedAtSeconds, expiresAtSeconds];
  const key = [...words, ...names].join(";");
  let template = kept.get(key);
  if (template === undefined) {
    template = templateOf(library, { ...tags, signedAtSeconds, expiresAtSeconds });
    if (kept.size >= TEMPLATES_MAX) kept.clear();
    if (names.length <= TEMPLATE_NAMES_MAX) kept.set(key, template);
  }
  return template;
}

type TemplateTags = Omit<SignatureTags, "signedAtSeconds" | "expiresAtSeconds" | "bodyHash"> & {
  readonly signedAtSeconds?: number | string | undefined;
  readonly expiresAtSeconds?: number | string | undefined;
};

/** The field with the hash of nothing in its `bh=`. */
function templateOf(library: Library, tags: TemplateTags): string {
  const { algorithm, canonical, domain, selector, identity, signedAtSeconds, expiresAtSeconds } = tags;
  const given = library.generateDKIMHeader(
    // A longer algorithm stands in the place of this padding, so that the folds stay within their width.
    `${"~".repeat(algorithm.length - RSA.length)}${domain}${tagOf("i", identity)}`,
    `${selector}${tagOf("t", signedAtSeconds)}${tagOf("x", expiresAtSeconds)}`,
    tags.names.join(":"),
    [...new Set(tags.names)].map((name) => `${name}:x`).join("\r\n"),
    "",
  );
  return given
    .slice(NAME.length)
    .replace(`a=${RSA}`, `a=${algorithm}`)
    .replace("c=relaxed/relaxed", `c=${canonical}`)
    .replace(/d=~*/, "d=")
    .split("\r\n ")
    .flatMap((line) => (line.length > LINE_CHARACTERS_MAX ? foldNames(line) : line))
    .join("\r\n ");
}

/** Templates kept, of fields with at most so many names: some megabytes. */
const TEMPLATES_MAX = 1_000;
const TEMPLATE_NAMES_MAX = 200;
/** In the place of a time, as wide as one of the years 2001 to 2286. */
const NO_TIME = "0000000000";
const tagOf = (name: string, value: string | number | undefined): string =>
  value === undefined ? "" : `; ${name}=${value}`;

const NAME = "DKIM-Signature: ";
const RSA = "rsa-sha256";
/** Of the body that it is given: one empty line. */
const EMPTY_HASH = "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=";
/** Well below the 998 of RFC 5322 2.1.1: the library does not fold `h=`. */
const LINE_CHARACTERS_MAX = 900;

/** Folds a list of names behind its colons (RFC 6376 3.5). */
function foldNames(line: string): readonly string[] {
  const lines: string[] = [];
  let rest = line;
  while (rest.length > LINE_CHARACTERS_MAX) {
    const end = rest.lastIndexOf(":", LINE_CHARACTERS_MAX - 1) + 1;
    if (end === 0) break;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  return [...lines, rest];
}

/**
 * Encoded words of header fields (RFC 2047, with the language tags of RFC 2231 5). Decoding is forgiving: words may
 * stand anywhere, hold spaces, or split a character between two words. Charsets are those of the Encoding standard;
 * a word in another one stays as it is.
 */
import { toBase64 } from "./base64.ts";
import { octetsOf } from "./octets.ts";

// Each part stops at the next "?", and the first is bounded: one pass over the text, whatever it holds.
const word = /=\?([^?\s]{1,80})\?([bBqQ])\?([^?]*)\?=/g;
const decoders = new Map<string, TextDecoder | undefined>();
const decodersMax = 100;
const encoder = new TextEncoder();

// RFC 2047 2: an encoded word has at most 75 characters; "=?UTF-8?Q?" and "?=" take 12.
const payloadMax = 63;
const base64BytesMax = 45;

/**
 * Decodes the encoded words of a text. What they decode to is given as it is, controls included: a caller that shows
 * or logs it takes those out.
 */
export function decodeWords(text: string): string {
  if (!text.includes("=?")) return text;
  const out: string[] = [];
  let pending: { charset: string; bytes: string[] } | undefined;
  let end = 0;
  const flush = () => {
    if (pending) out.push(decoderFor(pending.charset)?.decode(octetsOf(pending.bytes.join(""))) ?? "");
    pending = undefined;
  };
  for (const match of text.matchAll(word)) {
    const charset = (match[1] ?? "").split("*", 1)[0]?.toLowerCase() ?? "";
    if (decoderFor(charset) === undefined) continue;
    const between = text.slice(end, match.index);
    // RFC 2047 6.2: white space between two encoded words is no part of the text.
    if (pending === undefined || between.trim() !== "") {
      flush();
      out.push(between);
    } else if (pending.charset !== charset) flush();
    pending ??= { charset, bytes: [] };
    pending.bytes.push(/b/i.test(match[2] ?? "") ? fromBase64(match[3] ?? "") : fromQ(match[3] ?? ""));
    end = match.index + match[0].length;
  }
  flush();
  out.push(text.slice(end));
  return out.join("");
}

/**
 * Encodes what is not printable ASCII, and what reads like an encoded word, as UTF-8 encoded words of at most 75
 * characters, parted by spaces. `decodeWords` gives the same text again (lone surrogates become U+FFFD).
 *
 * @param tokenMax tokens longer than this are encoded too, so that they can be folded; 0 encodes all; absent means never
 */
export function encodeWords(text: string, tokenMax = Number.POSITIVE_INFINITY): string {
  const tokens = text.toWellFormed().match(/[ \t]+|[^ \t]+/g) ?? [];
  const out: string[] = [];
  let run = "";
  let gap = "";
  for (const token of tokens) {
    if (token[0] === " " || token[0] === "\t") {
      gap = token;
    } else if (/^[!-~]+$/.test(token) && !token.includes("=?") && token.length <= tokenMax) {
      if (run !== "") out.push(wordsOf(run));
      out.push(gap, token);
      run = gap = "";
    } else {
      // The white space between two words to encode is encoded with them, as that between encoded words is lost.
      if (run === "") out.push(gap);
      run = run === "" ? token : run + gap + token;
      gap = "";
    }
  }
  if (run !== "") out.push(wordsOf(run));
  out.push(gap);
  return out.join("");
}

/** The decoder of a charset by its label, or undefined when there is none. Decoding never throws. */
export function decoderFor(charset: string): TextDecoder | undefined {
  const label = charset.toLowerCase();
  if (decoders.has(label)) return decoders.get(label);
  let decoder: TextDecoder | undefined;
  try {
    decoder = new TextDecoder(label, { ignoreBOM: true });
  } catch {
    decoder = undefined;
  }
  // Labels come from outside: what is kept of them is bounded.
  if (decoders.size < decodersMax) decoders.set(label, decoder);
  return decoder;
}

function wordsOf(text: string): string {
  const ascii = text.match(/[A-Za-z0-9 ]/g)?.length ?? 0;
  const useQ = ascii * 2 > text.length;
  const words: string[] = [];
  let chunk = "";
  let cost = 0;
  const max = useQ ? payloadMax : base64BytesMax;
  // Character by character: RFC 2047 5 forbids to split one between two words.
  for (const character of text) {
    const one = useQ ? qLength(character) : utf8Length(character);
    if (cost + one > max) {
      words.push(useQ ? qWord(chunk) : bWord(chunk));
      chunk = "";
      cost = 0;
    }
    chunk += character;
    cost += one;
  }
  words.push(useQ ? qWord(chunk) : bWord(chunk));
  return words.join(" ");
}

function utf8Length(character: string): number {
  const point = character.codePointAt(0) ?? 0;
  return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
}

function qLength(character: string): number {
  return /^[A-Za-z0-9 !*+/-]$/.test(character) ? 1 : 3 * utf8Length(character);
}

// RFC 2047 5 (3): within a phrase only letters, digits and "!*+-/=_" may stand; the same is used everywhere.
function qWord(text: string): string {
  let out = "";
  for (const octet of encoder.encode(text)) {
    const character = String.fromCharCode(octet);
    if (octet === 32) out += "_";
    else if (/[A-Za-z0-9!*+/-]/.test(character)) out += character;
    else out += `=${octet.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return `=?UTF-8?Q?${out}?=`;
}

function bWord(text: string): string {
  return `=?UTF-8?B?${toBase64(encoder.encode(text))}?=`;
}

/** A string of one character for each octet. */
function fromBase64(text: string): string {
  const clean = text.replace(/[^A-Za-z0-9+/]/g, "");
  return atob(clean.length % 4 === 1 ? clean.slice(0, -1) : clean);
}

/** A string of one character for each octet; what is not ASCII, which should not be there, as its UTF-8. */
function fromQ(text: string): string {
  const octets = text.replace(/_/g, " ").replace(/[^\0-\x7f]+/g, (raw) => {
    let out = "";
    for (const octet of encoder.encode(raw)) out += String.fromCharCode(octet);
    return out;
  });
  return octets.replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

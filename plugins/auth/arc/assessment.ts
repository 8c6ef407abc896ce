/**
 * What a sealer says that it found out when a message came to it: the ARC-Authentication-Results field (RFC 8617 4.1.1,
 * RFC 8601 2.2), of which little is kept. It is a claim like any other until the chain passes, and even then it is worth
 * what its sealer is. What does not meet the grammar says nothing at all. In linear time.
 */
import { domainToAscii, isNetwork } from "postern";
import { DMARC_RESULTS } from "../auth-results.ts";
import { afterCfws, quotedString, token, type Word } from "../results/words.ts";

/** What one field says. */
export interface Assessment {
  /** "" where it does not say, or says it twice. */
  readonly dmarc: (typeof DMARC_RESULTS)[number] | "";
  /** The domain of From that this was about, in A-labels; "" where it does not say. */
  readonly headerFrom: string;
  /** The address of the client that brought it to the sealer; "" where it does not say. */
  readonly remoteIp: string;
}

/** What says nothing. */
const NO_ASSESSMENT: Assessment = { dmarc: "", headerFrom: "", remoteIp: "" };

/** Characters of a field that is read. */
const CHARACTERS_MAX = 16_384;
/** Results in one field. */
const RESULTS_MAX = 100;

/** The instance in front of it, from 1 to 99, and the offset behind its semicolon; undefined where there is none. */
export function instanceOf(value: string): { readonly instance: string; readonly end: number } | undefined {
  let at = afterCfws(value, 0);
  for (const word of ["i", "="]) {
    if (at === undefined || value[at] !== word) return undefined;
    at = afterCfws(value, at + 1);
  }
  if (at === undefined) return undefined;
  const { text: instance, end } = token(value, at) ?? { text: "", end: at };
  at = afterCfws(value, end);
  if (at === undefined || value[at] !== ";" || !/^\d{1,2}$/.test(instance)) return undefined;
  return { instance, end: at + 1 };
}

/** @param value of the field, unfolded */
export function assessmentOf(value: string): Assessment {
  const start = value.length > CHARACTERS_MAX ? undefined : instanceOf(value)?.end;
  const results = start === undefined ? undefined : resultsOf(value, start);
  if (!results) return NO_ASSESSMENT;
  const remote = results.map(({ properties }) => properties.get("smtp.remote-ip")).find(Boolean) ?? "";
  const remoteIp = !remote.includes("/") && isNetwork(remote) ? remote : "";
  const [dmarc, second] = results.filter(({ method }) => method === "dmarc");
  const word = DMARC_RESULTS.find((one) => one === dmarc?.result);
  if (!word || second) return { ...NO_ASSESSMENT, remoteIp };
  const from = dmarc?.properties.get("header.from");
  const headerFrom = from === undefined ? "" : domainToAscii(from.slice(from.lastIndexOf("@") + 1));
  // What it was about must be known where it is told.
  return headerFrom === undefined ? { ...NO_ASSESSMENT, remoteIp } : { dmarc: word, headerFrom, remoteIp };
}

interface Result {
  /** In lower case, without its version. */
  readonly method: string;
  readonly result: string;
  /** By ptype and property in lower case, as "header.from"; the first of a name. */
  readonly properties: ReadonlyMap<string, string>;
}

/** The results of an authres-payload; undefined where it is none. */
function resultsOf(value: string, start: number): readonly Result[] | undefined {
  let at = afterCfws(value, start);
  if (at === undefined) return undefined;
  const id = value[at] === '"' ? quotedString(value, at) : token(value, at);
  if (!id) return undefined;
  at = afterCfws(value, id.end);
  const version = at !== undefined && value[at] !== ";" ? token(value, at) : undefined;
  if (version) at = /^\d+$/.test(version.text) ? afterCfws(value, version.end) : undefined;
  const results: Result[] = [];
  while (at !== undefined && at < value.length) {
    if (value[at] !== ";" || results.length === RESULTS_MAX) return undefined;
    const next = resultAt(value, at + 1);
    if (next === undefined) return undefined;
    if (next.result) results.push(next.result);
    at = next.end;
  }
  return at === undefined ? undefined : results;
}

/** One result, up to the semicolon behind it; without `result` where there is "none", or nothing at all. */
function resultAt(
  value: string,
  start: number,
): { readonly result?: Result; readonly end: number } | undefined {
  const words = wordsAt(value, start);
  if (!words) return undefined;
  const [[name, result] = ["", undefined], ...others] = words.list;
  if (result === undefined) return others.length === 0 ? { end: words.end } : undefined;
  const properties = new Map<string, string>();
  for (const [property, text] of others) {
    if (text === undefined) return undefined;
    if (!properties.has(property)) properties.set(property, text);
  }
  const method = /^([a-z0-9-]+)(?:\/\d+)?$/.exec(name)?.[1];
  return method === undefined
    ? undefined
    : { result: { method, result: result.toLowerCase(), properties }, end: words.end };
}

type NameAndValue = readonly [name: string, value: string | undefined];

/** `name=value` pairs up to a semicolon or the end, names in lower case; the value is undefined where there is no "=". */
function wordsAt(
  value: string,
  start: number,
): { readonly list: readonly NameAndValue[]; readonly end: number } | undefined {
  const list: NameAndValue[] = [];
  let at = afterCfws(value, start);
  while (at !== undefined && at < value.length && value[at] !== ";") {
    NAME.lastIndex = at;
    const name = NAME.exec(value)?.[0];
    if (name === undefined) return undefined;
    at = afterCfws(value, at + name.length);
    if (at === undefined || value[at] !== "=") {
      list.push([name.toLowerCase(), undefined]);
      continue;
    }
    at = afterCfws(value, at + 1);
    const text = at === undefined ? undefined : valueAt(value, at);
    if (text === undefined) return undefined;
    list.push([name.toLowerCase(), text.text]);
    at = afterCfws(value, text.end);
  }
  return at === undefined ? undefined : { list, end: at };
}

/** A method with its version, or a ptype with its property. */
const NAME = /[A-Za-z0-9._/-]+/y;
/** A value that is not quoted: more than a token, as addresses and base64 are written. */
const BARE = /[^\s();"\\\p{C}]+/uy;

/** A value: bare and quoted pieces that touch each other, as `"a b"@example.com`. */
function valueAt(value: string, start: number): Word | undefined {
  let text = "";
  let at = start;
  for (;;) {
    BARE.lastIndex = at;
    const bare = BARE.exec(value)?.[0];
    const piece = bare !== undefined ? { text: bare, end: at + bare.length } : quotedAt(value, at);
    if (piece === undefined) return at > start ? { text, end: at } : undefined;
    text += piece.text;
    at = piece.end;
  }
}

const quotedAt = (value: string, at: number): Word | undefined =>
  value[at] === '"' ? quotedString(value, at) : undefined;

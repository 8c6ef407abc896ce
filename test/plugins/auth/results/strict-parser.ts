/**
 * A strict reader of the value of an Authentication-Results field, written from the grammar of RFC 8601 2.2 alone: what
 * it takes is valid, and it gives what a reader would understand.
 */

export interface ParsedResult {
  readonly method: string;
  readonly result: string;
  readonly reason?: string;
  readonly properties: readonly (readonly [string, string])[];
}

export interface ParsedField {
  readonly authservId: string;
  readonly results: readonly ParsedResult[];
}

/** @param value unfolded @throws Error where the grammar is not met */
export function parseStrictly(value: string): ParsedField {
  const reader = new Reader(value);
  reader.cfws();
  const authservId = reader.value();
  reader.cfws();
  if (reader.take(/\d+/y) !== undefined) reader.cfws();
  const results: ParsedResult[] = [];
  while (!reader.atEnd) {
    reader.must(/;/y);
    reader.cfws();
    if (results.length === 0 && reader.take(/none(?=[ \t]*$)/y) !== undefined) {
      reader.cfws();
      break;
    }
    results.push(result(reader));
  }
  if (!reader.atEnd) throw new Error(`rubbish at ${reader.at}`);
  if (results.length === 0 && !/;[ \t]*none[ \t]*$/.test(value)) throw new Error("neither results nor none");
  return { authservId, results };
}

/** RFC 5321 4.1.2: Let-dig [Ldh-str]. */
const KEYWORD = /[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?/y;

function result(reader: Reader): ParsedResult {
  const method = reader.must(KEYWORD);
  reader.cfws();
  if (reader.take(/\//y) !== undefined) {
    reader.cfws();
    reader.must(/\d+/y);
    reader.cfws();
  }
  reader.must(/=/y);
  reader.cfws();
  const word = reader.must(KEYWORD);
  const spaced = reader.cfws();
  let reason: string | undefined;
  if (spaced && reader.take(/reason(?=[ \t]*=)/y) !== undefined) {
    reader.cfws();
    reader.must(/=/y);
    reader.cfws();
    reason = reader.value();
    reader.cfws();
  }
  const properties: [string, string][] = [];
  while (!reader.atEnd && !reader.sees(";")) {
    const ptype = reader.must(KEYWORD);
    reader.cfws();
    reader.must(/\./y);
    reader.cfws();
    const property = reader.must(KEYWORD);
    reader.cfws();
    reader.must(/=/y);
    reader.cfws();
    properties.push([`${ptype}.${property}`, reader.pvalue()]);
    reader.cfws();
  }
  return { method, result: word, ...(reason === undefined ? {} : { reason }), properties };
}

/** Nothing but a token's end may follow: else half of a longer word would count as the whole. */
const TOKEN = /[!#$%&'*+.^_`{|}~A-Za-z0-9-]+(?=[\s;]|$)/y;
const QUOTED = /"((?:[\t !#-[\]-~]|\\[\t -~])*)"/y;
const LOCAL =
  /[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*|"(?:[\t !#-[\]-~]|\\[\t -~])*"/y;
const DOMAIN =
  /[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+(?=[\s;]|$)/y;

const unquoted = (text: string): string => text.slice(1, -1).replace(/\\(.)/g, "$1");

class Reader {
  readonly #text: string;
  at = 0;

  constructor(text: string) {
    if (/[^\t -~]/.test(text)) throw new Error("not ASCII without controls");
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.at === this.#text.length;
  }

  sees(character: string): boolean {
    return this.#text[this.at] === character;
  }

  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  must(pattern: RegExp): string {
    const found = this.take(pattern);
    if (found === undefined)
      throw new Error(`no ${pattern.source} at ${this.at}: ${this.#text.slice(this.at, this.at + 40)}`);
    return found;
  }

  /** White space; ours has no comments, and a stranger's may not come to be one. */
  cfws(): boolean {
    return this.take(/[ \t]+/y) !== undefined;
  }

  value(): string {
    const quoted = this.take(QUOTED);
    return quoted === undefined ? this.must(TOKEN) : unquoted(quoted);
  }

  /** value / [ [ local-part ] "@" ] domain-name */
  pvalue(): string {
    const start = this.at;
    const local = this.take(LOCAL) ?? "";
    if (this.take(/@/y) !== undefined) {
      const domain = this.must(DOMAIN);
      return `${local.startsWith('"') ? unquoted(local) : local}@${domain}`;
    }
    this.at = start;
    return this.value();
  }
}

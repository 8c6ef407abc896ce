/**
 * Splits a config's source into tokens, as much of ECMA-262 12 as finding keys needs: words, strings, templates,
 * regular expressions, comments, brackets. It checks no grammar; where brackets do not match it gives up.
 */

/** One token. */
export interface Token {
  readonly kind: "word" | "string" | "mark";
  /** As written; a template is a string without its insertions. */
  readonly text: string;
  /** From 1. */
  readonly line: number;
  /** Of an opening bracket: the index of the closing one. */
  closedBy?: number;
}

const SOURCE_CHARACTERS_MAX = 1_000_000;
const CLOSING: { readonly [opening: string]: string } = { "(": ")", "[": "]", "{": "}", "${": "}" };
/** Space and comments, a word or number, a string, a mark of more than one character. */
const SKIP = /(?:\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/y;
const WORD = /[\p{ID_Continue}$]+/uy;
const STRING = /"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'/y;
const REGEXP = /\/(?:[^/\\[\n]|\\[^\n]|\[(?:[^\]\\\n]|\\[^\n])*\])+\/\w*/y;
const MARK = /=>|\.\.\.|[\s\S]/y;
const TEMPLATE = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*/y;
/** Words after which a value is due, so that "/" opens a regular expression. */
const BEFORE_VALUE = /^(?:return|typeof|case|in|of|do|else|void|delete|await|yield|instanceof|new|throw)$/;

/** The tokens; undefined for a source that is too long or can not be split with certainty. */
export function tokenize(source: string): readonly Token[] | undefined {
  if (source.length > SOURCE_CHARACTERS_MAX) return undefined;
  const tokens: Token[] = [];
  const open: number[] = [];
  let at = 0;
  let line = 1;
  let counted = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const text = pattern.exec(source)?.[0];
    if (text !== undefined) at += text.length;
    return text;
  };
  const push = (kind: Token["kind"], text: string, from: number): void => {
    for (; counted < from; counted++) if (source[counted] === "\n") line++;
    tokens.push({ kind, text, line });
  };
  /** Reads on in a template; an insertion counts as a bracket. */
  const template = (from: number): void => {
    take(TEMPLATE);
    push("string", "``", from);
    if (source[at] === "`") at++;
    else if (source.startsWith("${", at)) {
      open.push(tokens.length);
      push("mark", "${", at);
      at += 2;
    }
  };
  for (;;) {
    take(SKIP);
    if (source.startsWith("/*", at)) return undefined;
    if (at >= source.length) return open.length === 0 ? tokens : undefined;
    const from = at;
    const last = tokens.at(-1);
    const word = take(WORD);
    const text = word ?? take(STRING);
    if (text !== undefined) {
      push(word === undefined ? "string" : "word", text, from);
      continue;
    }
    if (source[at] === "`") {
      at++;
      template(from);
      continue;
    }
    if (source[at] === "/" && valueIsDue(last)) {
      if (take(REGEXP) === undefined) return undefined;
      push("string", "//", from);
      continue;
    }
    const mark = take(MARK) as string;
    // A string or template that does not end.
    if (mark === '"' || mark === "'") return undefined;
    if (mark === "}" || mark === ")" || mark === "]") {
      const opening = tokens[open.pop() ?? -1];
      if (opening === undefined || CLOSING[opening.text] !== mark) return undefined;
      opening.closedBy = tokens.length;
      push("mark", mark, from);
      if (opening.text === "${") template(at);
      continue;
    }
    if (CLOSING[mark] !== undefined) open.push(tokens.length);
    push("mark", mark, from);
  }
}

/** Whether "/" after a token opens a regular expression and does not divide. */
function valueIsDue(last: Token | undefined): boolean {
  if (last === undefined) return true;
  if (last.kind === "word") return BEFORE_VALUE.test(last.text);
  return last.kind === "mark" && last.text !== ")" && last.text !== "]" && last.text !== "}";
}

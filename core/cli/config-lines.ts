/**
 * Finds the line on which a value of a config is written, by reading the literals inside `defineGateway(...)`. It
 * follows only what is certain: at a spread, a variable or a call it stops at the key that holds it.
 */
import { type Token, tokenize } from "./tokenize.ts";

/**
 * The line, from 1, of a path such as "listeners[0].address": that of its value's key, or of the nearest part around
 * it that is written out. Undefined when not even the first key is found.
 */
export function lineOfPath(source: string, path: string): number | undefined {
  const tokens = tokenize(source);
  if (tokens === undefined) return undefined;
  let at = configObject(tokens);
  let line: number | undefined;
  for (const step of path.match(/[^.[\]]+/g) ?? []) {
    if (at === undefined) break;
    const opening = tokens[at]?.text;
    const member: Member | undefined =
      opening === "{"
        ? keyOf(tokens, at, step)
        : opening === "[" && /^\d+$/.test(step)
          ? elementOf(tokens, at, Number(step))
          : undefined;
    if (member === undefined) break;
    line = member.line;
    at = member.literal;
  }
  return line;
}

interface Member {
  readonly line: number;
  /** Where its value opens, when that is an object or list as it stands. */
  readonly literal: number | undefined;
}

/** Where the object opens that `defineGateway` is given, or that the arrow function given to it returns. */
function configObject(tokens: readonly Token[]): number | undefined {
  const text = (at: number | undefined): string | undefined => tokens[at ?? -1]?.text;
  const calls = tokens.flatMap((token, at) =>
    token.text === "defineGateway" && text(at + 1) === "(" ? [at + 1] : [],
  );
  const [call] = calls;
  if (call === undefined || calls.length > 1) return undefined;
  const whole = (at: number, ends: string): number | undefined =>
    text(at) === "{" && ends.includes(text(after(tokens, at)) ?? "?") ? at : undefined;
  const first = text(call + 1) === "async" ? call + 2 : call + 1;
  if (text(first) === "{") return whole(first, "),");
  const arrow = after(tokens, first);
  if (text(arrow) !== "=>" || (text(first) !== "(" && tokens[first]?.kind !== "word")) return undefined;
  if (text(arrow + 1) === "(") {
    return "),".includes(text(after(tokens, arrow + 1)) ?? "?") ? whole(arrow + 2, ")") : undefined;
  }
  const end = tokens[arrow + 1]?.closedBy;
  if (text(arrow + 1) !== "{" || end === undefined) return undefined;
  // With several ways to return nothing is certain.
  const returns = tokens.flatMap((token, at) =>
    at > arrow && at < end && token.text === "return" ? [at] : [],
  );
  const [only] = returns;
  return only !== undefined && returns.length === 1 ? whole(only + 1, ";}") : undefined;
}

/** The last member with a key. A spread after it could set it anew, and then nothing is certain. */
function keyOf(tokens: readonly Token[], opening: number, key: string): Member | undefined {
  let found: Member | undefined;
  for (const { from, to } of membersOf(tokens, opening)) {
    const first = tokens[from];
    if (first === undefined) continue;
    const next = tokens[from + 1]?.text;
    if (first.text === "..." || first.text === "[") found = undefined;
    else if (nameOf(first) === key && (next === ":" || next === "(" || from + 1 === to)) {
      found = {
        line: first.line,
        literal: next === ":" ? literalAt(tokens, from + 2, to) : undefined,
      };
    }
  }
  return found;
}

function elementOf(tokens: readonly Token[], opening: number, index: number): Member | undefined {
  const members = membersOf(tokens, opening).slice(0, index + 1);
  const member = members[index];
  if (member === undefined || members.some(({ from }) => tokens[from]?.text === "...")) return undefined;
  return { line: tokens[member.from]?.line ?? 0, literal: literalAt(tokens, member.from, member.to) };
}

/** The members of an object or list, as where each begins and where its comma or the closing bracket is. */
function membersOf(
  tokens: readonly Token[],
  opening: number,
): readonly { readonly from: number; readonly to: number }[] {
  const members: { from: number; to: number }[] = [];
  let from = opening + 1;
  for (let at = from; at < tokens.length; at = after(tokens, at)) {
    const { text } = tokens[at] as Token;
    const closes = text === "}" || text === "]" || text === ")";
    if ((closes || text === ",") && at > from) members.push({ from, to: at });
    if (closes) break;
    if (text === ",") from = at + 1;
  }
  return members;
}

/** Where a value opens that is a literal and nothing else: "[...].concat(x)" is none. */
function literalAt(tokens: readonly Token[], from: number, to: number): number | undefined {
  const { text } = tokens[from] ?? {};
  return (text === "{" || text === "[") && after(tokens, from) === to ? from : undefined;
}

/** The place after a token, or after all that its bracket holds. */
const after = (tokens: readonly Token[], at: number): number => (tokens[at]?.closedBy ?? at) + 1;

const nameOf = (token: Token): string =>
  token.kind === "string" ? token.text.slice(1, -1) : token.kind === "word" ? token.text : "";

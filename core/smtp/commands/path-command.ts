/** Parts "MAIL FROM:<path> PARAMETERS" and "RCPT TO:<path> PARAMETERS" (RFC 5321 4.1.1.2, 4.1.1.3, 4.1.1.11). */
import type { Reply } from "../../mail/mod.ts";
import { REPLIES } from "../replies.ts";

/** A command with a path. */
export interface PathCommand {
  /** With its angle brackets. */
  readonly path: string;
  /** Whether the path is ASCII. */
  readonly ascii: boolean;
  readonly parameters: readonly PathParameter[];
}

/** A parameter as it came. */
export interface PathParameter {
  /** In upper case. */
  readonly keyword: string;
  /** Undefined where no "=" came. */
  readonly value: string | undefined;
}

/** More than all the keywords that any server knows; a line has room for thousands. */
const PARAMETERS_MAX = 30;
const NONE: readonly PathParameter[] = [];
const KEYWORD = /^[A-Z0-9][A-Z0-9-]*$/;
const NON_ASCII = /[^\0-\x7f]/;

/** Gives undefined where the command has not this shape. @param lead all before the path, as `/^RCPT +TO: *\/i` */
export function parsePathCommand(command: Buffer, lead: RegExp): PathCommand | undefined {
  const line = command.toString("utf8");
  // The sign of octets that are no UTF-8, and nothing that an address may hold (RFC 6532 3.1).
  if (line.includes("\ufffd")) return undefined;
  const start = lead.exec(line)?.[0].length;
  if (start === undefined || line[start] !== "<") return undefined;
  const end = pathEnd(line, start);
  if (end === undefined) return undefined;
  const path = line.slice(start, end);
  const ascii = line.length === command.length || !NON_ASCII.test(path);
  if (end === line.length) return { path, ascii, parameters: NONE };
  const rest = line.slice(end);
  return /^[ \t]/.test(rest) ? { path, ascii, parameters: parametersOf(rest) } : undefined;
}

function parametersOf(rest: string): readonly PathParameter[] {
  const parameters: PathParameter[] = [];
  for (const word of rest.split(/[ \t]+/, PARAMETERS_MAX)) {
    if (word === "") continue;
    const equals = word.indexOf("=");
    const keyword = (equals === -1 ? word : word.slice(0, equals)).toUpperCase();
    parameters.push({ keyword, value: equals === -1 ? undefined : word.slice(equals + 1) });
  }
  return parameters;
}

// A ">" inside a quoted local part does not end the path.
function pathEnd(line: string, start: number): number | undefined {
  const end = line.indexOf(">", start + 1);
  if (end === -1) return undefined;
  const quote = line.indexOf('"', start + 1);
  const backslash = line.indexOf("\\", start + 1);
  // Without either before it, which is nearly always, the first one ends it.
  if ((quote === -1 || quote > end) && (backslash === -1 || backslash > end)) return end + 1;
  let quoted = false;
  for (let i = start + 1; i < line.length; i += 1) {
    const character = line[i];
    if (quoted && character === "\\") i += 1;
    else if (character === '"') quoted = !quoted;
    else if (character === ">" && !quoted) return i + 1;
  }
  return undefined;
}

/** RFC 5321 4.1.1.11: what is not offered is 555, what is no parameter at all 501. */
export function unknownParameter({ keyword }: PathParameter): Reply {
  return KEYWORD.test(keyword) ? REPLIES.unknownParameter : REPLIES.badParameter;
}

/** Parts "MAIL FROM:<path> PARAMETERS" and "RCPT TO:<path> PARAMETERS" (RFC 5321 4.1.1.2, 4.1.1.3, 4.1.1.11). */
import {
  type Address,
  isPathFault,
  type PathFault,
  parseLenientPath,
  parsePath,
  pathText,
  type Reply,
} from "../../mail/mod.ts";
import type { GatewayConnection } from "../gateway-connection.ts";
import { REPLIES } from "../replies.ts";

/** A command with a path. */
export interface PathCommand {
  /** With its angle brackets, where it has them. */
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

/**
 * Gives undefined where the command has not this shape.
 *
 * @param lead all before the path, as `/^RCPT +TO: *\/i`
 * @param lenient whether the path may have no angle brackets, or two pairs, and tabs before it
 */
export function parsePathCommand(command: Buffer, lead: RegExp, lenient = false): PathCommand | undefined {
  const line = command.toString("utf8");
  // The sign of octets that are no UTF-8, and nothing that an address may hold (RFC 6532 3.1).
  if (line.includes("\ufffd")) return undefined;
  let start = lead.exec(line)?.[0].length;
  if (start === undefined) return undefined;
  if (lenient) while (isBlank(line[start])) start += 1;
  const end = lenient ? lenientPathEnd(line, start) : pathEnd(line, start);
  if (end === undefined) return undefined;
  const path = line.slice(start, end);
  const ascii = line.length === command.length || !NON_ASCII.test(path);
  if (end === line.length) return { path, ascii, parameters: NONE };
  return isBlank(line[end]) ? { path, ascii, parameters: parametersOf(line.slice(end)) } : undefined;
}

/** Parses the path of a command as strictly as the listener does, and says in the log what was mended. */
export function readPath(
  connection: GatewayConnection,
  path: string,
  options: { readonly kind: "reverse" | "forward" },
): Address | null | PathFault {
  const { listener, options: host } = connection.context;
  if (!listener.lenientAddresses) return parsePath(path, options);
  const parsed = parseLenientPath(path, options);
  if (parsed !== null && !isPathFault(parsed) && parsed.raw !== undefined) {
    host.log.info("addressMended", {
      ...{ session: connection.gatewaySession?.id ?? connection.id, listener: listener.name },
      ...{ client: connection.client.ip, raw: parsed.raw, address: pathText(parsed) },
    });
  }
  return parsed;
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

function isBlank(character: string | undefined): boolean {
  return character === " " || character === "\t";
}

// A ">" inside a quoted local part does not end the path.
function pathEnd(line: string, start: number): number | undefined {
  if (line[start] !== "<") return undefined;
  const end = line.indexOf(">", start + 1);
  if (end === -1) return undefined;
  const quote = line.indexOf('"', start + 1);
  const backslash = line.indexOf("\\", start + 1);
  // Without either before it, which is nearly always, the first one ends it.
  if ((quote === -1 || quote > end) && (backslash === -1 || backslash > end)) return end + 1;
  const at = unquoted(line, start + 1, (character) => character === ">");
  return at === line.length ? undefined : at + 1;
}

// Without brackets the path ends before the first blank outside quotes.
function lenientPathEnd(line: string, start: number): number | undefined {
  if (start === line.length) return undefined;
  if (line[start] !== "<") return unquoted(line, start, isBlank);
  const end = pathEnd(line, start);
  return end !== undefined && line[start + 1] === "<" && line[end] === ">" ? end + 1 : end;
}

/** Where the first character that ends it stands outside quotes; the line's length where none does. */
function unquoted(line: string, start: number, ends: (character: string | undefined) => boolean): number {
  let quoted = false;
  for (let i = start; i < line.length; i += 1) {
    const character = line[i];
    if (quoted && character === "\\") i += 1;
    else if (character === '"') quoted = !quoted;
    else if (!quoted && ends(character)) return i;
  }
  return line.length;
}

/** RFC 5321 4.1.1.11: what is not offered is 555, what is no parameter at all 501. */
export function unknownParameter({ keyword }: PathParameter): Reply {
  return KEYWORD.test(keyword) ? REPLIES.unknownParameter : REPLIES.badParameter;
}

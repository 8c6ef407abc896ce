/** Parts "MAIL FROM:<path> PARAMETERS" and "RCPT TO:<path> PARAMETERS" (RFC 5321 4.1.1.2, 4.1.1.3). */

export interface PathCommand {
  /** With its angle brackets. */
  readonly path: string;
  /** Upper-case keyword to value, "" where none was given. */
  readonly parameters: ReadonlyMap<string, string>;
  /** A parameter that comes twice. */
  readonly duplicate: boolean;
}

/** Gives undefined where the command has not this shape. */
export function parsePathCommand(command: Buffer, lead: RegExp): PathCommand | undefined {
  const line = command.toString("utf8");
  if (line.includes("\ufffd")) return undefined;
  const start = lead.exec(line)?.[0].length;
  if (start === undefined || line[start] !== "<") return undefined;
  const end = pathEnd(line, start);
  if (end === undefined) return undefined;
  const rest = line.slice(end);
  if (rest !== "" && !/^[ \t]/.test(rest)) return undefined;
  const parameters = new Map<string, string>();
  let duplicate = false;
  for (const word of rest.split(/[ \t]+/)) {
    if (word === "") continue;
    const equals = word.indexOf("=");
    const keyword = (equals === -1 ? word : word.slice(0, equals)).toUpperCase();
    if (parameters.has(keyword)) duplicate = true;
    parameters.set(keyword, equals === -1 ? "" : word.slice(equals + 1));
  }
  return { path: line.slice(start, end), parameters, duplicate };
}

// A ">" inside a quoted local part does not end the path.
function pathEnd(line: string, start: number): number | undefined {
  let quoted = false;
  for (let i = start + 1; i < line.length; i += 1) {
    const character = line[i];
    if (quoted && character === "\\") i += 1;
    else if (character === '"') quoted = !quoted;
    else if (character === ">" && !quoted) return i + 1;
  }
  return undefined;
}

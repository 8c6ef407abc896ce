/** The log of the process: pino's JSON lines on stdout, or short text on a terminal. pino enters here alone. */
import type { Log, LogFields } from "../pipeline/mod.ts";

/** Makes the log. `terminal`: short text in place of JSON. */
export async function createLog(terminal: boolean): Promise<Log> {
  return terminal ? textLog((line) => process.stdout.write(line)) : jsonLog();
}

/** How long a line of level "info" may wait for others, and how much of them, so that a busy gateway writes them together. */
const TOGETHER_MS = 100;
const TOGETHER_BYTES = 8_192;

async function jsonLog(): Promise<Log> {
  const { pino } = await import("pino");
  const destination = pino.destination({ fd: 1, sync: true, minLength: TOGETHER_BYTES });
  const log = pino({ base: null, timestamp: isoTime, messageKey: "event" }, destination);
  let waiting: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(waiting);
    waiting = undefined;
    // Written, not synced: a log is no spool, and a slow disk must not hold up the mail.
    destination.flush();
  };
  process.on("exit", () => destination.flushSync());
  return {
    debug: (event, fields) => log.debug(fields ?? {}, event),
    info(event, fields) {
      log.info(fields ?? {}, event);
      waiting ??= setTimeout(flush, TOGETHER_MS).unref();
    },
    // Written at once, with all before them: the lines before a crash are the ones that matter.
    warn(event, fields) {
      log.warn(fields ?? {}, event);
      flush();
    },
    error(event, fields) {
      log.error(fields ?? {}, event);
      flush();
    },
  };
}

let shownMs = Number.NaN;
let shown = "";

/** pino's own, made once for all lines of a millisecond. */
function isoTime(): string {
  const now = Date.now();
  if (now !== shownMs) {
    shownMs = now;
    shown = `,"time":"${new Date(now).toISOString()}"`;
  }
  return shown;
}

/** Lines for people: time, level where it is not "info", event, fields. @param print gets each line with its end */
export function textLog(print: (line: string) => void): Log {
  const write = (level: string, event: string, fields: LogFields = {}): void => {
    const words = Object.entries(fields).filter(([, value]) => value !== undefined && value !== "");
    const text = words.map(([key, value]) => `${key}=${showField(value)}`).join(" ");
    print(`${[new Date().toTimeString().slice(0, 8), `${level}${event}`, text].join(" ").trimEnd()}\n`);
  };
  return {
    debug: () => {},
    info: (event, fields) => write("", event, fields),
    warn: (event, fields) => write("warning: ", event, fields),
    error: (event, fields) => write("error: ", event, fields),
  };
}

/** Characters of one field on a terminal. The whole of it is in the JSON lines, the trace and the page. */
const FIELD_CHARACTERS_MAX = 2_000;

/** A field's value without controls: what clients send must neither drive the terminal nor pass for another field. */
function showField(value: LogFields[string]): string {
  const text = typeof value === "string" ? value : Array.isArray(value) ? value.join(",") : String(value);
  const short = text.length > FIELD_CHARACTERS_MAX ? `${text.slice(0, FIELD_CHARACTERS_MAX)}...` : text;
  // Controls, marks that are not seen or turn the direction of text, halves of a pair, line ends.
  const safe = short.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "?");
  return /[\s"=]/.test(safe) ? JSON.stringify(safe) : safe;
}

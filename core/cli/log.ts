/** The log of the process: pino's JSON lines on stdout, or short text on a terminal. pino enters here alone. */
import { pino } from "pino";
import type { Log, LogFields } from "../pipeline/mod.ts";

/** Makes the log. `terminal`: short text in place of JSON. */
export function createLog(terminal: boolean): Log {
  return terminal ? textLog() : jsonLog();
}

function jsonLog(): Log {
  // Written at once: the lines before a crash are the ones that matter.
  const log = pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime, messageKey: "event" },
    pino.destination({ fd: 1, sync: true }),
  );
  return {
    debug: (event, fields) => log.debug(fields ?? {}, event),
    info: (event, fields) => log.info(fields ?? {}, event),
    warn: (event, fields) => log.warn(fields ?? {}, event),
    error: (event, fields) => log.error(fields ?? {}, event),
  };
}

function textLog(): Log {
  const write = (level: string, event: string, fields: LogFields = {}): void => {
    const words = Object.entries(fields).filter(([, value]) => value !== undefined && value !== "");
    const text = words.map(([key, value]) => `${key}=${showField(value)}`).join(" ");
    process.stdout.write(`${new Date().toTimeString().slice(0, 8)} ${level}${event} ${text}\n`);
  };
  return {
    debug: () => {},
    info: (event, fields) => write("", event, fields),
    warn: (event, fields) => write("warning: ", event, fields),
    error: (event, fields) => write("error: ", event, fields),
  };
}

/** A field's value without controls: what clients send must not drive the terminal. */
function showField(value: LogFields[string]): string {
  const text = typeof value === "string" ? value : Array.isArray(value) ? value.join(",") : String(value);
  const safe = text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, "?");
  return /[\s"]/.test(safe) ? JSON.stringify(safe) : safe;
}

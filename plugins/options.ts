/** Checks the options of plugins with zod, so that a wrong one is told before the start in one clear line. */
import { z } from "postern";

/**
 * Gives the checked options.
 *
 * @param plugin the plugin's name, for the message
 * @param secrets options whose values, and those within them, are never shown
 * @throws TypeError with one line for each fault: plugin, path, found, expected
 */
export function parseOptions<S extends z.ZodType>(
  plugin: string,
  schema: S,
  options: unknown,
  secrets: readonly string[] = [],
): z.output<S> {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  const issues = result.error.issues.slice(0, FAULTS_MAX);
  throw new TypeError(issues.flatMap((issue) => lines(plugin, issue, options, secrets)).join("\n"));
}

/** An object schema that takes no other keys, and names its own where another is found. */
export function objectOption<const S extends z.core.$ZodShape>(shape: S) {
  const keys = Object.keys(shape).join(", ");
  return z.strictObject(shape, {
    error: (issue) => (issue.code === "unrecognized_keys" ? `one of: ${keys}` : `an object with ${keys}`),
  });
}

/** A schema for a function, which zod can not look into. */
export const functionOption = <F>(what: string): z.ZodType<F> =>
  z.custom<F>((value) => typeof value === "function", what);

/** A whole number within bounds. */
export const countOption = (from: number, to: number) => {
  const error = `a whole number from ${from} to ${to}`;
  return z.int({ error }).min(from, { error }).max(to, { error });
};

const FOUND_CHARACTERS_MAX = 80;
/** Faults told at once: a list of ten thousand wrong users needs no ten thousand lines. */
const FAULTS_MAX = 20;

function lines(
  plugin: string,
  issue: z.core.$ZodIssue,
  options: unknown,
  secrets: readonly string[],
): string[] {
  const { path } = issue;
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map(
      (key) => `${plugin}: ${spell([...path, key])}: found an unknown option, expected ${issue.message}`,
    );
  }
  const value = valueAt(options, path);
  // What stands in place of all options may be any of them.
  const secret = path.length === 0 ? secrets.length > 0 : secrets.includes(String(path[0]));
  const found = secret && isPlain(value) ? "a value that is not shown" : describe(value);
  // A wrong key of a record has its own words one level down.
  const expected = (issue.code === "invalid_key" && issue.issues[0]?.message) || issue.message;
  return [`${plugin}: ${spell(path)}: found ${found}, expected ${expected}`];
}

/** Whether telling the value would show it. */
const isPlain = (value: unknown): boolean =>
  value !== undefined && value !== null && typeof value !== "object" && typeof value !== "function";

/** How an option value is told: itself where it is short and simple, else its kind. Objects may hold secrets. */
function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object" && value !== null) return "an object";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > FOUND_CHARACTERS_MAX ? `${text.slice(0, FOUND_CHARACTERS_MAX)}...` : text;
}

/** The value at a path within options; a short form that a schema makes an object of stands for what is in it. */
function valueAt(options: unknown, path: readonly PropertyKey[]): unknown {
  let value = options;
  for (const key of path) {
    if (value === null || typeof value !== "object") return value;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/** A path as it is written in a config, as `users["a@b.example"].hash`. */
function spell(path: readonly PropertyKey[]): string {
  let text = "";
  for (const key of path) {
    if (typeof key === "number") text += `[${key}]`;
    else if (/^[A-Za-z_$][\w$]*$/.test(String(key))) text += text === "" ? String(key) : `.${String(key)}`;
    else text += `[${JSON.stringify(String(key))}]`;
  }
  return text === "" ? "options" : text;
}

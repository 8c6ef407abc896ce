/** Checks the options of plugins with zod, so that a wrong one is told before the start in one clear line. */
import { z } from "postern";

/** How an option value is told: its kind and, where short, itself. */
function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "function") return "a function";
  const json = JSON.stringify(value) ?? String(value);
  return json.length > 80 ? `${json.slice(0, 77)}...` : json;
}

/** The value at a path within options. */
function valueAt(options: unknown, path: readonly PropertyKey[]): unknown {
  let value = options;
  for (const key of path) {
    if (value === null || typeof value !== "object") return undefined;
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

/** Paths whose values must not be shown. */
const isSecret = (path: readonly PropertyKey[]): boolean => path[0] === "users";

/**
 * Gives the checked options.
 *
 * @param plugin the plugin's name, for the message
 * @throws TypeError with one line for each fault: plugin, path, found, expected
 */
export function parseOptions<S extends z.ZodType>(plugin: string, schema: S, options: unknown): z.output<S> {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => {
    const found = isSecret(issue.path) ? "a value not shown" : describe(valueAt(options, issue.path));
    return `${plugin}: ${spell(issue.path)}: found ${found}; expected: ${issue.message}`;
  });
  throw new TypeError(lines.join("\n"));
}

/** A schema for a function, which zod can not look into. */
export const functionOption = <F>(what: string): z.ZodType<F> =>
  z.custom<F>((value) => typeof value === "function", what);

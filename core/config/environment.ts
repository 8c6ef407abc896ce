/** The environment as config functions see it, and which of its variables a faulty value came from. */
import type { Environment } from "./gateway-config-input.ts";

/** The environment of one evaluation of a config. */
export interface ReadEnvironment {
  /** For the config function. `POSTERN_*` that are empty are not there: `POSTERN_SMTP= npm start` sets nothing. */
  readonly env: Environment;
  /** The variable that was read and had exactly this value; undefined when none or several did. */
  variableOf(value: unknown): string | undefined;
}

/** Wraps an environment; what is read of it is remembered by name. */
export function readEnvironment(given: Environment): ReadEnvironment {
  const set = Object.entries(given).filter(([name, value]) => !(name.startsWith("POSTERN_") && value === ""));
  const variables: { readonly [name: string]: string | undefined } = Object.fromEntries(set);
  const read = new Set<string>();
  const env = new Proxy(variables, {
    get(target, name, receiver) {
      if (typeof name === "string" && Object.hasOwn(target, name)) read.add(name);
      return Reflect.get(target, name, receiver);
    },
  });
  return {
    env,
    variableOf(value) {
      if (typeof value !== "string") return undefined;
      const names = [...read].filter((name) => variables[name] === value);
      return names.length === 1 ? names[0] : undefined;
    },
  };
}

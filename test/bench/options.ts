/** The options of `npm run bench`. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { scenarioList } from "./scenario-list.ts";

/** What is asked for. */
export interface BenchOptions {
  /** Whether it is `npm run bench -- auth`. */
  readonly isAuth: boolean;
  readonly quick: boolean;
  readonly rounds: number;
  readonly roundMs: number;
  readonly warmUpMs: number;
  readonly warmUpStepsMax: number;
  /** To the node of each measured server. */
  readonly nodeOptions: readonly string[];
  /** Absent: no report is written. */
  readonly json?: string;
  /** Whether a part of the run is asked for. */
  wants(part: string): boolean;
}

const WARM_UP_STEPS_MAX = 12;
const OTHER_PARTS = ["burst", "idle", "attack", "start"];
const AUTH_PARTS = ["verify", "sign", "inline", "latency", "silent", "variants"];

/** Reads the command line. @throws Error for what it cannot be */
export function readOptions(): BenchOptions {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: "string" },
      seconds: { type: "string" },
      "warm-up": { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "string" },
      only: { type: "string" },
      profile: { type: "string" },
    },
  });
  const { quick, json, profile } = values;
  const isAuth = positionals[0] === "auth";
  const strange = positionals[isAuth ? 1 : 0];
  if (strange !== undefined) throw new Error(`found "${strange}", expected "auth" or nothing`);
  const only = partsOf(values.only, isAuth);
  const seconds = positive("--seconds", values.seconds) ?? (quick ? 0.5 : 2);
  return {
    isAuth,
    quick,
    rounds: Math.max(1, Math.round(positive("--rounds", values.rounds) ?? (quick ? 2 : 5))),
    roundMs: seconds * 1000,
    warmUpMs: (positive("--warm-up", values["warm-up"]) ?? (quick ? 0.5 : 5)) * 1000,
    warmUpStepsMax: quick ? 1 : WARM_UP_STEPS_MAX,
    nodeOptions: profile === undefined ? [] : ["--cpu-prof", "--cpu-prof-dir", resolve(profile)],
    ...(json === undefined ? {} : { json }),
    wants: (part) => only?.has(part) ?? true,
  };
}

/** A name that is none would measure nothing, and miss no target. */
function partsOf(only: string | undefined, isAuth: boolean): ReadonlySet<string> | undefined {
  if (only === undefined) return undefined;
  const known = isAuth ? AUTH_PARTS : [...scenarioList(true).map(({ part }) => part), ...OTHER_PARTS];
  const parts = only.split(",");
  const unknown = parts.find((part) => !known.includes(part));
  if (unknown !== undefined) throw new Error(`--only: found "${unknown}", expected ${known.join(", ")}`);
  return new Set(parts);
}

function positive(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new Error(`${option}: found ${JSON.stringify(text)}, expected a number above 0`);
}

/**
 * `npm run fuzz -- --seconds N --seed S [--rounds R] [--only sessions|next-hop|decoder] [--sessions s1,s2]`: plays
 * rounds in a process of their own and ends it when it falls silent. `decoder` runs the property of the data decoder.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const PROCESS = fileURLToPath(new URL("fuzz-process.ts", import.meta.url));
const DECODER_TEST = fileURLToPath(new URL("../smtp/data-decoder.test.ts", import.meta.url));
const DECODER_CASES = 200_000;
/** A round takes a few seconds, and half a minute when sessions are not answered; this long without a word is a hang. */
const SILENCE_MS_MAX = 60_000;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "20" },
    seed: { type: "string", default: String(1 + Math.floor(Math.random() * 1_000_000)) },
    rounds: { type: "string" },
    only: { type: "string" },
    sessions: { type: "string" },
  },
});

function wrong(): string | undefined {
  for (const name of ["seconds", "seed", "rounds"] as const)
    if (values[name] !== undefined && !/^\d{1,9}$/.test(values[name])) return `--${name} takes a number`;
  if (values.only !== undefined && !["sessions", "next-hop", "decoder"].includes(values.only))
    return "--only takes sessions, next-hop or decoder";
  return undefined;
}

function runDecoder(): void {
  const child = spawn(process.execPath, ["--test", DECODER_TEST], {
    stdio: "inherit",
    env: { ...process.env, FUZZ_CASES: String(DECODER_CASES) },
  });
  child.on("close", (code) => {
    process.exitCode = code ?? 1;
  });
}

function runRounds(): void {
  const args = Object.entries(values).map(([name, value]) => `${name}=${value}`);
  const child = spawn(process.execPath, [PROCESS, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let last = "";
  const watch = (): NodeJS.Timeout =>
    setTimeout(() => {
      const only = values.only === undefined ? "" : ` --only ${values.only}`;
      const round = /\d+/.exec(last)?.[0] ?? values.seed;
      process.stdout.write(
        `FOUND a hang: nothing was said for ${SILENCE_MS_MAX} ms after "${last}"\nagain: npm run fuzz -- --seed ${round} --rounds 1${only}\n`,
      );
      child.kill("SIGKILL");
    }, SILENCE_MS_MAX);
  let timer = watch();
  child.stdout.on("data", (chunk: Buffer) => {
    clearTimeout(timer);
    timer = watch();
    process.stdout.write(chunk);
    last = chunk.toString("utf8").trim().split("\n").at(-1) ?? "";
  });
  child.on("close", (code) => {
    clearTimeout(timer);
    process.exitCode = code ?? 1;
  });
}

const fault = wrong();
if (fault !== undefined) {
  process.stderr.write(`${fault}\n`);
  process.exitCode = 2;
} else if (values.only === "decoder") runDecoder();
else runRounds();

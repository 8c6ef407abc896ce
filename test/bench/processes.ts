/** The processes of a measurement: started, asked and ended. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { LoadOrder, LoadResult } from "./load.ts";

const END_MS_MAX = 10_000;

/** The path of a file of this folder. */
export const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Starts a file of this folder that answers over IPC. */
export function startHelper(name: string, ...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [here(name), ...args], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
}

/** Asks a process over IPC, one question at a time. @throws Error when it ends before its answer */
export function ask<Answer>(child: ChildProcess, question: string | object): Promise<Answer> {
  const answer = told<Answer>(child);
  child.send(question);
  return answer;
}

/** The next thing that a process tells by itself. @throws Error when it ends before */
export function told<Answer>(child: ChildProcess): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const gone = () => reject(new Error("a process of the measurement ended"));
  child.once("message", (answer) => resolve(answer as Answer));
  child.once("exit", gone);
  return promise.finally(() => child.off("exit", gone));
}

/** Ends a process, in the hard way where it does not go by itself. */
export function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const late = setTimeout(() => child.kill("SIGKILL"), END_MS_MAX);
  child.once("exit", () => {
    clearTimeout(late);
    resolve();
  });
  child.kill("SIGTERM");
  return promise;
}

/** Source and sink of the messages. */
export interface Rig {
  readonly sinkPort: number;
  /** Of a second sink, that offers no CHUNKING. */
  readonly dataSinkPort: number;
  /** Messages that the sinks took so far. */
  taken(): Promise<number>;
  load(order: LoadOrder): Promise<LoadResult>;
  end(): Promise<void>;
}

/** Starts source and sinks. */
export async function startRig(): Promise<Rig> {
  const load = startHelper("load.ts");
  const sinks = [startHelper("sink.ts"), startHelper("sink.ts", "--no-chunking")] as const;
  const [sink, dataSink] = await Promise.all([portOf(sinks[0]), portOf(sinks[1])]);
  return {
    sinkPort: sink,
    dataSinkPort: dataSink,
    async taken() {
      const counts = await Promise.all(sinks.map((each) => ask<{ messages: number }>(each, "count")));
      return counts.reduce((sum, { messages }) => sum + messages, 0);
    },
    load: (order) => ask<LoadResult>(load, order),
    async end() {
      await Promise.all([load, ...sinks].map(ended));
    },
  };
}

const portOf = async (sink: ChildProcess): Promise<number> => (await told<{ port: number }>(sink)).port;

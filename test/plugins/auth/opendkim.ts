/** An OpenDKIM (Debian package) that runs as a filter for a test, with a config and a socket in one folder. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connectMilter, type MilterClient } from "./milter-client.ts";
import { missingParty } from "./parties.ts";

const START_MS_MAX = 10_000;
const RETRY_MS = 10;

/** One that runs. */
export interface Opendkim extends Pick<MilterClient, "pass"> {
  stop(): Promise<void>;
}

/** Why tests with it are skipped, or false. */
export const noOpendkim = missingParty(["/usr/sbin/opendkim", "-V"], "opendkim");

/** Starts one. @param folder that no other one has @param settings lines of opendkim.conf(5) */
export async function startOpendkim(folder: string, settings: readonly string[]): Promise<Opendkim> {
  const [config, socket] = [join(folder, "opendkim.conf"), join(folder, "socket")];
  const own = [`Socket local:${socket}`, `TemporaryDirectory ${folder}`, "Syslog no", "RequireSafeKeys no"];
  await writeFile(config, [...own, ...settings, ""].join("\n"));
  const child = spawn("/usr/sbin/opendkim", ["-f", "-x", config], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk) => (said += chunk));
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const end = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  for (let waitedMs = 0; !existsSync(socket); waitedMs += RETRY_MS) {
    if (child.exitCode !== null || waitedMs > START_MS_MAX) {
      await end();
      throw new Error(`opendkim does not listen: ${said}`);
    }
    await sleep(RETRY_MS);
  }
  try {
    const client = await connectMilter(socket);
    return {
      pass: client.pass,
      async stop() {
        client.close();
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

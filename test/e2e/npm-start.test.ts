/** `npm start` as a service manager or a terminal ends it: the signal reaches the gateway, which lets go of everything. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "./processes.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const skip = spawnSync("npm", ["--version"]).status === 0 ? false : "npm is not installed";

test("npm start ends with the gateway on SIGTERM, and no process is left with its data folder", {
  skip,
}, async () => {
  const folder = await temporaryFolder();
  const data = join(folder.path, "data");
  const child = spawn("npm", ["start"], {
    cwd: root,
    env: { ...process.env, POSTERN_SMTP: "127.0.0.1:0", POSTERN_HTTP: "127.0.0.1:0", POSTERN_DATA: data },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let pid = 0;
  try {
    let told = "";
    for await (const chunk of child.stderr) {
      told += chunk;
      if (/^ +try /m.test(told)) break;
    }
    pid = Number(readFileSync(join(data, "pid"), "utf8"));
    assert.ok(isRunning(pid), `the gateway is not process ${pid}: ${told}`);
    const ended = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
    child.kill("SIGTERM");
    assert.equal(await ended, 0);
    assert.equal(isRunning(pid), false, "the gateway runs on");
    assert.equal(existsSync(join(data, "pid")), false);
  } finally {
    child.kill("SIGKILL");
    if (pid > 0 && isRunning(pid)) process.kill(pid, "SIGKILL");
    await folder.remove();
  }
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** `postern dev`: a new process at each change of the config or of what it imports; a broken config ends nothing. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { configText, runCommand, temporaryFolder, writeIn } from "./command.ts";
import { READY, type Started, started } from "./started-gateway.ts";

const cwd = temporaryFolder();
const config = (deadline: string): string =>
  configText(
    `listeners: [{ address: "127.0.0.1:0" }], data: "data", hostName: name, deadline: ${JSON.stringify(deadline)},`,
  ).replace(/^/, 'import { name } from "./name.ts";\n');
const name = (host: string): string => `export const name: string = ${JSON.stringify(host)};\n`;

/** All that was said until a pattern comes up in what is said after the change. */
async function change(dev: Started, file: string, text: string, until: RegExp): Promise<string> {
  const before = dev.stdout().length + dev.stderr().length;
  writeFileSync(join(cwd, file), text);
  const match = await dev.says(until, before);
  return match.input;
}

it("postern dev restarts at a change of the config and of a file it imports, and goes on after a broken one", async () => {
  writeIn(cwd, "package.json", '{ "type": "module" }');
  writeIn(cwd, "gateway.config.ts", config("30s"));
  writeIn(cwd, "name.ts", name("one.example"));
  const dev = started(["dev"], { cwd });
  try {
    await dev.says(READY);

    const imported = await change(dev, "name.ts", name("two.example"), READY);
    // The lock of the data folder was free, or there would be no second banner.
    assert.doesNotMatch(imported, /another gateway uses/);
    const { server } = await greeting(imported);
    assert.match(server, /^220 two\.example /);

    const wrong = await change(dev, "gateway.config.ts", config("soon"), /deadline.*\n[\s\S]*\n/);
    assert.match(wrong, /^gateway\.config\.ts:5: deadline: found "soon", expected a duration/m);

    const broken = await change(dev, "name.ts", "export const = 1;\n", /name\.ts:1: .*\n/);
    assert.match(broken, /^name\.ts:1: /m);

    await change(dev, "gateway.config.ts", config("31s"), /name\.ts:1: .*\n/);
    const mended = await change(dev, "name.ts", name("three.example"), READY);
    assert.match((await greeting(mended)).server, /^220 three\.example /);
  } finally {
    dev.child.kill("SIGINT");
  }
  assert.equal(await dev.exited, 0);
  // Nothing is left that holds the folder.
  const again = started(["start"], { cwd });
  await again.says(READY);
  assert.equal(await again.stop(), 0);
});

it("postern dev ends with the gateway when its terminal goes away", async () => {
  const folder = temporaryFolder();
  writeIn(folder, "gateway.config.ts", configText('listeners: [{ address: "127.0.0.1:0" }], data: "data",'));
  const dev = started(["dev"], { cwd: folder });
  await dev.says(READY);
  dev.child.kill("SIGHUP");
  await dev.exited;
  const again = started(["start"], { cwd: folder });
  await again.says(READY);
  assert.equal(await again.stop(), 0);
});

/** What the listener of the last banner says first, by way of `postern send`. */
async function greeting(said: string): Promise<{ readonly server: string }> {
  const [, address = ""] = READY.exec(said) ?? [];
  const { stdout } = await runCommand(["send", "--to", "you@example.com", "--server", address], { cwd });
  return { server: (stdout.split("\n")[0] ?? "").replace("S: ", "") };
}

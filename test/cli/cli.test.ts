import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../core/cli/postern.js", import.meta.url));
const FACE = new URL("../../core/mod.ts", import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), "postern-cli-"));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: readonly string[], input = ""): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, stdio: "pipe", timeout: 20_000 });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += chunk));
  child.stderr.on("data", (chunk) => (stderr += chunk));
  child.stdin.end(input);
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
}

/** Writes a config that holds `settings` beside a pipeline with one plugin that routes. */
function config(settings: string): string {
  const file = join(folder, "gateway.config.js");
  writeFileSync(
    file,
    `import { defineGateway, definePlugin, mailbox, pipeline, routeTo, smtp } from ${JSON.stringify(FACE)};
const router = definePlugin({ name: "router", routes: true, nextHops: ["backend"], route: () => routeTo("backend") });
export default defineGateway({ pipeline: pipeline(router), nextHops: { backend: mailbox() }, listeners: [{ address: "127.0.0.1:0" }], data: "data", ${settings} });
`,
  );
  return file;
}

const WRONG: readonly { name: string; command: string; settings: string; want: RegExp }[] = [
  {
    name: "a wrong value",
    command: "check",
    settings: "listeners: [{ address: 25252525 }]",
    want: /^gateway\.config\.js: listeners\[0\]\.address: found 25252525, expected "host:port".*\n$/,
  },
  {
    name: "an unknown next hop",
    command: "check",
    settings: "nextHops: { backends: mailbox() }",
    want: /^gateway\.config\.js: pipeline: router: found the next hop "backend", expected one of nextHops: backends; did you mean "backends"\?\n$/,
  },
  {
    name: "a listener off loopback without domains",
    command: "check",
    settings: 'listeners: [{ address: "0.0.0.0:0" }]',
    want: /^gateway\.config\.js: domains: found an empty list, expected the mail domains served here.*\n$/,
  },
  {
    name: "a config that throws",
    command: "check",
    settings: "domains: nobody",
    want: /^gateway\.config\.js:3: nobody is not defined\n$/,
  },
  {
    name: "a missing TLS file",
    command: "start",
    settings: 'listeners: [{ address: "127.0.0.1:0", tls: { keyFile: "no.key", certFile: "no.crt" } }]',
    want: /^listeners\[0\]\.tls\.keyFile: found "no\.key", which is no file, expected a PEM file\n$/,
  },
  {
    name: "an unwritable data folder",
    command: "start",
    settings: 'data: "gateway.config.js/data"',
    want: /^data: found "gateway\.config\.js\/data", expected a folder this user can write \(ENOTDIR\).*\n$/,
  },
];

describe("postern says in one line, with exit code 1 and no stack,", () => {
  for (const { name, command, settings, want } of WRONG) {
    it(name, async () => {
      config(settings);
      const { code, stderr } = await run([command]);
      assert.match(stderr, want);
      assert.equal(code, 1);
    });
  }

  it("a port in use", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const { port } = taken.address() as { port: number };
    try {
      config(`listeners: [{ address: ${port} }]`);
      const { code, stderr } = await run(["start"]);
      assert.equal(
        stderr,
        `listeners[0].address: cannot listen on 127.0.0.1:${port}: the port is in use; end the other program or choose another port\n`,
      );
      assert.equal(code, 1);
    } finally {
      taken.close();
    }
  });

  for (const [args, want] of [
    [["stat"], /^postern stat: no such command; there are start, dev, check, send, hash\n$/],
    [["check", "no.config.ts"], /^no\.config\.ts: no such file\n$/],
    [["send"], /^postern send: found no --to, expected --to you@example\.com\n$/],
    [["send", "--too", "a@b"], /^Unknown option '--too'.*\n$/],
    [["send", "--to", "a@b", "--server", "nowhere"], /^nowhere:25: .*\n$/],
    [["hash", "secret"], /^postern hash takes no arguments: .*\n$/],
  ] as const) {
    it(`the mistake in: ${args.join(" ")}`, async () => {
      const { code, stderr } = await run(args);
      assert.match(stderr, want);
      assert.equal(code, 1);
    });
  }
});

describe("postern", () => {
  it("check takes a good config", async () => {
    const { code, stdout, stderr } = await run(["check", config("")]);
    assert.equal(stderr, "");
    assert.match(stdout, /^ok: 1 listeners, config [0-9a-f]{12}/);
    assert.equal(code, 0);
  });

  it("hash prints a scrypt hash with a new salt each time", async () => {
    const [one, two] = await Promise.all([run(["hash"], "hunter2\n"), run(["hash"], "hunter2\n")]);
    assert.match(one.stdout, /^scrypt\$32768\$8\$3\$[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=\n$/);
    assert.notEqual(one.stdout, two.stdout);
  });

  it("start takes mail from send, and ends with 0 on SIGTERM", async () => {
    config("");
    const child = spawn(process.execPath, [MAIN, "start"], { cwd: folder, stdio: "pipe" });
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
    try {
      let said = "";
      const server = await new Promise<string>((resolve, reject) => {
        child.stderr.on("data", (chunk) => {
          said += chunk;
          const line = /SMTP {6}(127\.0\.0\.1:\d+)[\s\S]*try .*\n/.exec(said);
          if (line !== null) resolve(line[1] ?? "");
        });
        child.on("close", () => reject(new Error(said)));
      });
      assert.match(said, /pipeline {2}router/);
      const { code, stdout } = await run(["send", "--to", "you@example.com", "--server", server]);
      assert.match(
        stdout,
        /^S: 220 [\s\S]*C: RCPT TO:<you@example\.com>\nS: 250 [\s\S]*S: 250 .*\(ref [^)]+\)\n/,
      );
      assert.equal(code, 0, stdout);
      child.kill("SIGTERM");
      assert.equal(await ended, 0);
    } finally {
      child.kill("SIGKILL");
    }
  });
});

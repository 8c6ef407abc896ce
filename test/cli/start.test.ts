/** `postern start`: the banner as the README has it, the log on a pipe and on a terminal, the environment, the end. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { loadConfig } from "../../core/cli/load-config.ts";
import { UserError } from "../../core/cli/user-error.ts";
import { configText, PACKAGE, POSTERN, QUIET, runCommand, temporaryFolder, writeIn } from "./command.ts";
import { READY, started, startedGateway } from "./started-gateway.ts";

/** The banner of the README as a pattern: what is of a place and time may be another. */
function bannerOfReadme(): RegExp {
  const readme = readFileSync(join(PACKAGE, "README.md"), "utf8");
  const banner =
    /^ {4}postern \d[\s\S]*?^ {6}try .*\n/m.exec(readme)?.[0] ?? assert.fail("the README has none");
  const plain = banner.replaceAll(/^ {4}/gm, "").replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(
    `^${plain
      .replaceAll(/127\\\.0\\\.0\\\.1:\d+/g, "127\\.0\\.0\\.1:\\d+")
      .replace(/\([0-9a-f]{12}\\\)/, "([0-9a-f]{12}\\)")
      .replace(/token=.*/, "token=[\\w-]{43}")
      .replace("\\.postern/mailbox", "\\S*data/mailbox")}$`,
  );
}

describe("postern start of the default config", () => {
  it("prints the banner that the README shows, and nothing else on stderr", async () => {
    const cwd = temporaryFolder();
    const gateway = started(["start"], {
      cwd: PACKAGE,
      env: { POSTERN_SMTP: "127.0.0.1:0", POSTERN_HTTP: "127.0.0.1:0", POSTERN_DATA: join(cwd, "data") },
    });
    await gateway.says(READY);
    assert.equal(await gateway.stop(), 0);
    assert.match(gateway.stderr(), bannerOfReadme());
  });
});

const gatewayIn = async (settings = QUIET) => {
  const cwd = temporaryFolder();
  writeIn(cwd, "gateway.config.ts", configText(settings));
  return { cwd, ...(await startedGateway({ cwd })) };
};

describe("postern start", () => {
  it("writes one JSON line for each outcome to a pipe, whatever a client sends", async () => {
    const gateway = await gatewayIn();
    const { stdout } = await runCommand(
      [
        "send",
        "--to",
        '"a\u001b[2J\u2028"@example.com',
        "--server",
        gateway.server,
        "--from",
        "s@example.com",
      ],
      { cwd: gateway.cwd },
    );
    const sent = await runCommand(["send", "--to", "you@example.com", "--server", gateway.server], gateway);
    assert.equal(sent.code, 0, stdout);
    assert.equal(await gateway.stop(), 0);
    const lines = gateway.stdout().trimEnd().split("\n");
    const events = lines.map((line) => JSON.parse(line));
    for (const event of events) assert.match(event.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    for (const line of lines) assert.doesNotMatch(line, /[\u0000-\u001f\u007f]/);
    const delivered = events.find((event) => event.event === "delivered");
    assert.equal(delivered?.forwardPath, "you@example.com", gateway.stdout());
    assert.equal(events.at(-1)?.event, "stopping");
  });

  it("keeps no page, and no token for it, where the config has none", async () => {
    const gateway = await gatewayIn();
    assert.doesNotMatch(gateway.stderr(), /page/);
    assert.equal(existsSync(join(gateway.cwd, "data/http-token")), false);
    assert.equal(statSync(join(gateway.cwd, "data")).mode & 0o777, 0o700);
    await gateway.stop();
  });

  it("ends with 0 on a signal that comes with its first word", async () => {
    const cwd = temporaryFolder();
    writeIn(cwd, "gateway.config.ts", configText(QUIET));
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const gateway = started(["start"], { cwd });
      await gateway.says(/SMTP/);
      gateway.child.kill(signal);
      assert.equal(await gateway.exited, 0, gateway.stderr());
    }
  });

  it("ends at once with 1 on the second signal, while a message comes in", async () => {
    const gateway = await gatewayIn();
    const [host = "", port = ""] = gateway.server.split(":");
    const socket = connect(Number(port), host);
    const closed = new Promise((resolve) => socket.on("close", resolve).on("error", resolve));
    const heard = waiter(socket);
    await heard(/^220 /m);
    socket.write("EHLO a.example\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n");
    await heard(/^354 /m);
    gateway.child.kill("SIGTERM");
    await gateway.says(/"stopping"/);
    gateway.child.kill("SIGTERM");
    assert.equal(await gateway.exited, 1);
    await closed;
  });

  it("lives on when its terminal goes away", async () => {
    const gateway = await gatewayIn();
    gateway.child.kill("SIGHUP");
    const sent = await runCommand(["send", "--to", "you@example.com", "--server", gateway.server], gateway);
    assert.equal(sent.code, 0, sent.stdout);
    assert.equal(await gateway.stop(), 0);
  });

  it("writes short text to a terminal", async (t) => {
    if (spawnSync("script", ["--version"]).error !== undefined) {
      return t.skip("there is no script(1) to make a terminal");
    }
    const cwd = temporaryFolder();
    writeIn(cwd, "gateway.config.ts", configText(QUIET));
    const gateway = await startedGateway({ cwd, node: ["script"] }, [
      ...["-qec", `exec '${process.execPath}' '${POSTERN}' start`, "/dev/null"],
    ]);
    // It ignores that its terminal goes away, so it is ended by its own id where the test fails.
    const pid = Number(readFileSync(join(cwd, "data/pid"), "utf8"));
    t.after(() => {
      if (gateway.child.exitCode === null) process.kill(pid, "SIGKILL");
    });
    const sent = await runCommand(["send", "--to", "you@example.com", "--server", gateway.server], { cwd });
    assert.equal(sent.code, 0, sent.stdout);
    await gateway.says(/^\d\d:\d\d:\d\d delivered ref=\S+ .*forwardPath=you@example\.com/m);
    // What Ctrl-C sends.
    gateway.child.stdin?.write("\u0003");
    assert.equal(await gateway.exited, 0);
    assert.match(gateway.stdout(), /\d\d:\d\d:\d\d stopping signal=SIGINT\r\n/);
    assert.doesNotMatch(gateway.stdout(), /[{}]/);
  });
});

/** Waits until all that a socket has received matches. */
function waiter(socket: NodeJS.ReadableStream): (pattern: RegExp) => Promise<void> {
  let all = "";
  let look = (): void => {};
  socket.on("data", (chunk) => {
    all += chunk;
    look();
  });
  return (pattern) =>
    new Promise((resolve) => {
      look = () => {
        if (pattern.test(all)) resolve();
      };
      look();
    });
}

it("loadConfig does not wait for ever for a config that waits for ever", async () => {
  const file = writeIn(temporaryFolder(), "waits.config.mjs", "await new Promise(() => {});\n");
  await assert.rejects(loadConfig(file, 5), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /waits\.config\.mjs: has not loaded after 5 ms; see what it waits for$/);
    return true;
  });
});

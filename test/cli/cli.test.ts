/** The commands but `start`, `dev` and `check`: what they do, and their mistakes in one line. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { matchesScram, parseScramKeys } from "postern";
import {
  assertRefused,
  configText,
  PACKAGE,
  POSTERN,
  QUIET,
  runCommand,
  temporaryFolder,
  writeIn,
} from "./command.ts";
import { started, startedGateway } from "./started-gateway.ts";

const cwd = temporaryFolder();
const run = (args: readonly string[], input = "") => runCommand(args, { cwd, input });

describe("postern says in one line, with exit code 1 and no stack, what is wrong with", {
  concurrency: 2,
}, () => {
  writeIn(cwd, "message.eml", "Subject: hello\n\nhello\n");
  const cases: readonly {
    readonly args: readonly string[];
    readonly want: RegExp;
    readonly input?: string;
  }[] = [
    {
      args: ["stat"],
      want: /^postern stat: no such command; there are start, dev, check, send, hash, dkim$/,
    },
    { args: ["__proto__"], want: /^postern __proto__: no such command; there are start/ },
    { args: ["--frob"], want: /^postern --frob: no such command; there are start/ },
    { args: ["send"], want: /^postern send: found no --to, expected --to you@example\.com$/ },
    { args: ["send", "--too", "a@b"], want: /^Unknown option '--too'; see postern help$/ },
    { args: ["send", "--to", "a@b", "c@d"], want: /^Unexpected argument 'c@d'; see postern help$/ },
    {
      args: ["send", "--to", "<a@b>"],
      want: /^postern send: found "<a@b>", expected an address without angle brackets$/,
    },
    {
      args: ["send", "--to", "a@b\r\nDATA"],
      want: /^postern send: found "a@b\\r\\nDATA", expected an address without angle brackets$/,
    },
    {
      args: ["send", "--to", "a@b", "--server", "127.0.0.1:smtp"],
      want: /^postern send: --server: found "127\.0\.0\.1:smtp", expected host:port such as 127\.0\.0\.1:2525$/,
    },
    {
      args: ["send", "--to", "a@b", "--file", "no.eml"],
      want: /^postern send: --file: found "no\.eml", which can not be read \(ENOENT\), expected a file with a message; correct the path$/,
    },
    {
      args: ["send", "--to", "a@b", "--file", "."],
      want: /^postern send: --file: found "\.", which can not be read \(EISDIR\), /,
    },
    {
      args: ["send", "--to", "a@b", "--server", "nowhere.invalid"],
      want: /^nowhere\.invalid:25: the host name has no address; name a server with --server HOST:PORT$/,
    },
    {
      args: ["hash", "secret"],
      want: /^postern hash: found arguments, expected none but --scram; type the password when asked, or pipe it in$/,
    },
    {
      args: ["hash", "--scram", "secret"],
      want: /^postern hash: found arguments, expected none but --scram; /,
    },
    { args: ["hash"], want: /^postern hash: found an empty password, expected one; / },
    {
      args: ["hash"],
      input: "\nsecond line\n",
      want: /^postern hash: found an empty password, expected one; /,
    },
    {
      args: ["hash"],
      input: `${"a".repeat(1025)}\n`,
      want: /^postern hash: found a password of 1025 octets, expected at most 1024; take a shorter one$/,
    },
  ];
  for (const { args, want, input } of cases) {
    it(`${args.map((arg) => arg.replace(/\r\n/, "<CRLF>")).join(" ")}${input === undefined ? "" : `, given ${JSON.stringify(input.slice(0, 20))}`}`, async () => {
      assertRefused(await run(args, input), [want]);
    });
  }

  it("send to a port where nobody listens", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    assertRefused(await run(["send", "--to", "a@b", "--server", `127.0.0.1:${port}`]), [
      `127.0.0.1:${port}: nobody listens there; start the gateway with npm start, or name a server with --server HOST:PORT`,
    ]);
  });
});

/** A server that answers each line of a client with the next of its replies, and then goes. */
async function scripted(replies: readonly string[], test: (server: string) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let next = 0;
    const answer = (): void => {
      const reply = replies[next++];
      if (reply === undefined) socket.end();
      else socket.write(`${reply}\r\n`);
    };
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      for (const line of chunk.toString().split("\r\n").slice(0, -1)) if (/^[A-Z]{4}/.test(line)) answer();
    });
    answer();
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    await test(`127.0.0.1:${(server.address() as { port: number }).port}`);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

describe("postern send", () => {
  it("prints the dialogue, with the controls of the server's words taken out", async () => {
    await scripted(
      ["220 \u001b[31mhi", "250-one\r\n250 two", "250 ok", "550 5.1.1 no \u0007such"],
      async (server) => {
        const { code, stdout } = await run(["send", "--to", "a@b", "--server", server]);
        assert.match(stdout, /^S: 220 \?\[31mhi\nC: EHLO localhost\nS: 250-one\nS: 250 two\n/);
        assert.match(stdout, /\nC: RCPT TO:<a@b>\nS: 550 5\.1\.1 no \?such\n/);
        assert.equal(code, 1);
      },
    );
  });

  it("tells a server that goes away", async () => {
    await scripted(["220 hi", "250 ok"], async (server) => {
      const { code, stderr } = await run(["send", "--to", "a@b", "--server", server]);
      assert.equal(stderr, `${server}: the server closed the connection\n`);
      assert.equal(code, 1);
    });
  });

  it("ends with 1 when one of two recipients is refused, though the other's is sent", async () => {
    const replies = ["220 hi", "250 ok", "250 ok", "550 no", "250 ok", "354 go", "221 bye"];
    await scripted(replies, async (server) => {
      const { code, stdout } = await run(["send", "--to", "a@b", "--to", "c@d", "--server", server]);
      assert.match(stdout, /C: DATA\n/);
      assert.equal(code, 1);
    });
  });

  it("sends a file as it is, dot-stuffed and with CRLF, and the gateway takes it", async () => {
    const folder = temporaryFolder();
    writeIn(folder, "gateway.config.ts", configText(QUIET));
    writeIn(folder, "m.eml", "Subject: dots\n\n.\n..two\r\nlast é");
    const gateway = await startedGateway({ cwd: folder });
    try {
      const { code, stdout } = await runCommand(
        ["send", "--to", "you@example.com", "--server", gateway.server, "--file", "m.eml"],
        { cwd: folder },
      );
      assert.match(stdout, /S: 250 .*\(ref [^)]+\)\nC: QUIT\n/);
      assert.equal(code, 0, stdout);
      const id = /\(ref ([^)]+)\)\nC: QUIT/.exec(stdout)?.[1] ?? "";
      const kept = readFileSync(join(folder, "data/mailbox", `${id}.eml`), "latin1");
      assert.ok(kept.endsWith("\r\nSubject: dots\r\n\r\n.\r\n..two\r\nlast \xc3\xa9\r\n"), kept);
    } finally {
      await gateway.stop();
    }
  });
});

describe("postern hash", () => {
  const HASH = /^scrypt\$32768\$8\$3\$[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=\n$/;

  it("prints a scrypt hash with a new salt each time", async () => {
    const [one, two] = await Promise.all([run(["hash"], "hunter2\n"), run(["hash"], "hunter2\n")]);
    assert.match(one.stdout, HASH);
    assert.notEqual(one.stdout, two.stdout);
    assert.equal(one.stderr, "");
  });

  it("prints SCRAM keys of the same password too with --scram", async () => {
    const { stdout, stderr } = await run(["hash", "--scram"], "hunter2\n");
    const [scrypt = "", scram = "", ...rest] = stdout.split("\n");
    assert.match(`${scrypt}\n`, HASH);
    assert.deepEqual(rest, [""]);
    assert.equal(stderr, "");
    const keys = parseScramKeys(scram) ?? assert.fail(scram);
    assert.equal(keys.iterations, 60_000);
    assert.equal(await matchesScram("hunter2", keys), true);
    assert.equal(await matchesScram("hunter3", keys), false);
  });

  const noTerminal = (): string | undefined =>
    spawnSync("script", ["--version"]).error === undefined
      ? undefined
      : "there is no script(1) to make a terminal";

  /** Types lines at a terminal, each when it is asked for; gives all that the terminal showed. */
  async function typed(
    lines: readonly string[],
  ): Promise<{ readonly code: number | null; readonly shown: string }> {
    const command = `'${process.execPath}' '${POSTERN}' hash`;
    const child = started(["-qec", command, "/dev/null"], { cwd, node: ["script"] });
    let from = 0;
    for (const line of lines) {
      await child.says(/(?:Password|Again): /, from);
      from = child.stdout().length;
      child.child.stdin?.write(`${line}\r`);
    }
    return { code: await child.exited, shown: child.stdout() };
  }

  it("asks twice at a terminal and does not show what is typed", async (t) => {
    const reason = noTerminal();
    if (reason !== undefined) return t.skip(reason);
    const { code, shown } = await typed(["hunter2", "hunter2"]);
    assert.match(shown, /^Password: \r\nAgain: \r\nscrypt\$32768\$8\$3\$\S+\r\n$/);
    assert.equal(code, 0);
  });

  it("refuses two different passwords at a terminal", async (t) => {
    const reason = noTerminal();
    if (reason !== undefined) return t.skip(reason);
    const { code, shown } = await typed(["hunter2", "hunter3"]);
    assert.match(
      shown,
      /^Password: \r\nAgain: \r\npostern hash: found two different passwords, expected the same twice; begin again\r\n$/,
    );
    assert.equal(code, 1);
  });
});

describe("postern", () => {
  it("prints its version and its help", async () => {
    const { version } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8"));
    assert.deepEqual(await run(["version"]), { code: 0, stdout: `${version}\n`, stderr: "" });
    const [help, none] = await Promise.all([run(["help"]), run([])]);
    assert.match(help.stdout, /^postern: a mail gateway\n[\s\S]*postern check \[CONFIG\]/);
    assert.deepEqual(none, help);
  });
});

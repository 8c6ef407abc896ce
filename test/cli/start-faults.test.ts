/** What the machine does not give a gateway: TLS files, ports, the data folder. One line for each, and exit code 1. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  assertRefused,
  configText,
  folderOfNobody,
  NOBODY,
  noOtherUser,
  runCommand,
  temporaryFolder,
  writeIn,
} from "./command.ts";
import { startedGateway } from "./started-gateway.ts";

const folder = temporaryFolder();
const config = (name: string, settings: string): string => {
  writeIn(folder, name, configText(settings));
  return name;
};
const refused = async (name: string, settings: string, want: readonly (RegExp | string)[], uid?: number) => {
  const options = { cwd: folder, ...(uid === undefined ? {} : { uid }) };
  assertRefused(await runCommand(["start", config(name, settings)], options), want);
};

describe("postern start, of TLS files,", { concurrency: 2 }, () => {
  const openssl = (...args: readonly string[]) =>
    execFileSync("openssl", [...args], { cwd: folder, stdio: "ignore" });
  const pair = (name: string) =>
    openssl(
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
      ...["-subj", "/CN=gateway.example", "-keyout", `${name}.key`, "-out", `${name}.crt`],
    );
  pair("one");
  pair("two");
  openssl("pkey", "-in", "one.key", "-aes256", "-passout", "pass:secret", "-out", "closed.key");
  writeIn(folder, "text.pem", "no PEM\n");
  mkdirSync(join(folder, "folder.pem"));

  const cases = [
    {
      name: "missing ones, both at once",
      files: ["no.key", "no.crt"],
      want: [
        'tls.config.ts:4: listeners[0].tls.keyFile: found "no.key", which is no file, expected a PEM file with a private key without a passphrase; correct the path',
        'tls.config.ts:4: listeners[0].tls.certFile: found "no.crt", which is no file, expected a PEM file with a certificate; correct the path',
      ],
    },
    {
      name: "one that is a folder",
      files: ["one.key", "folder.pem"],
      want: [/^tls\.config\.ts:4: listeners\[0\]\.tls\.certFile: found "folder\.pem", which is no file, /],
    },
    {
      name: "ones that are no PEM",
      files: ["text.pem", "text.pem"],
      want: [
        /^tls\.config\.ts:4: listeners\[0\]\.tls\.keyFile: found "text\.pem", expected a PEM file with a private key without a passphrase \(.*\); correct the path or the file$/,
        /^tls\.config\.ts:4: listeners\[0\]\.tls\.certFile: found "text\.pem", expected a PEM file with a certificate \(.*\); correct the path or the file$/,
      ],
    },
    {
      name: "key and certificate the wrong way round",
      files: ["one.crt", "one.key"],
      want: [
        /keyFile: found "one\.crt", expected a PEM file with a private key/,
        /certFile: found "one\.key"/,
      ],
    },
    {
      name: "a key that does not fit",
      files: ["one.key", "two.crt"],
      want: [
        /^tls\.config\.ts:4: listeners\[0\]\.tls\.certFile: found "two\.crt", whose first certificate is of another key than keyFile, expected the certificate of that key first/,
      ],
    },
    {
      name: "an encrypted key",
      files: ["closed.key", "one.crt"],
      want: [
        /^tls\.config\.ts:4: listeners\[0\]\.tls\.keyFile: found "closed\.key", which needs a passphrase, expected a PEM file with a private key without a passphrase; take it off with openssl pkey -in closed\.key$/,
      ],
    },
  ] as const;
  for (const { name, files, want } of cases) {
    it(`tells ${name}`, async () => {
      const [keyFile, certFile] = files;
      const place = temporaryFolder();
      const tls = JSON.stringify({ keyFile: join(folder, keyFile), certFile: join(folder, certFile) });
      writeIn(
        place,
        "tls.config.ts",
        configText(`listeners: [{ address: "127.0.0.1:0", tls: ${tls} }], data: "data",`),
      );
      const ended = await runCommand(["start", "tls.config.ts"], { cwd: place });
      assertRefused({ ...ended, stderr: ended.stderr.replaceAll(`${folder}/`, "") }, want);
      const checked = await runCommand(["check", "tls.config.ts"], { cwd: place });
      assert.equal(checked.stderr.replaceAll(`${folder}/`, ""), ended.stderr.replaceAll(`${folder}/`, ""));
    });
  }
});

describe("postern start, of ports,", () => {
  for (const [path, settings] of [
    ["listeners[0].address", (port: number) => `listeners: [{ address: ${port} }], data: "data1",`],
    ["http", (port: number) => `listeners: [{ address: 0 }], http: ${port}, data: "data2",`],
  ] as const) {
    it(`tells one that is in use for ${path}`, async () => {
      const taken = createServer().listen(0, "127.0.0.1");
      await new Promise((resolve) => taken.once("listening", resolve));
      const { port } = taken.address() as { port: number };
      try {
        await refused(`${path.slice(0, 4)}.config.ts`, settings(port), [
          `${path.slice(0, 4)}.config.ts:4: ${path}: cannot listen on 127.0.0.1:${port}: the port is in use; end the other program or choose another port`,
        ]);
      } finally {
        taken.close();
      }
    });
  }

  for (const { name, file, want } of [
    {
      name: "a file that is no socket",
      file: "taken",
      want: "another server answers there, or there is a file that is no socket; end the one, move the other, or choose another path",
    },
    {
      name: "a folder that is not there",
      file: "no/socket",
      want: "there is no such folder; make it first, or choose another path",
    },
  ]) {
    it(`tells of a unix socket ${name}`, async () => {
      writeIn(folder, "taken", "precious\n");
      const address = `unix:${join(folder, file)}`;
      const settings = `listeners: [{ kind: "lmtp", address: "${address}" }], domains: ["example.com"], data: "data3",`;
      await refused("unix.config.ts", settings, [
        `unix.config.ts:4: listeners[0].address: cannot listen on ${address}: ${want}`,
      ]);
      assert.equal(readFileSync(join(folder, "taken"), "utf8"), "precious\n");
    });
  }

  it("tells two of its own on one", async () => {
    await refused(
      "own.config.ts",
      'listeners: [{ address: "127.0.0.1:40025", name: "a" }, { address: "127.0.0.1:40025", name: "b" }],',
      [
        'own.config.ts:4: listeners[1].address: found "127.0.0.1:40025", expected an address of its own, because listeners[0].address has this one',
      ],
    );
  });

  it("tells an address that the machine does not have", async () => {
    await refused(
      "far.config.ts",
      'listeners: [{ address: "192.0.2.1:40025" }], data: "data3", domains: ["example.com"],',
      [
        "far.config.ts:4: listeners[0].address: cannot listen on 192.0.2.1:40025: this machine does not have the address; use one of its own, or 0.0.0.0 for all",
      ],
    );
  });

  it("tells port 25 without the right to it, and what to do", async (t) => {
    const reason = (await noOtherUser(folder)) ?? everybodyHas25();
    if (reason !== undefined) return t.skip(reason);
    folderOfNobody(join(folder, "nobody25"));
    await refused(
      "smtp.config.ts",
      'listeners: [{ address: "127.0.0.1:25" }], data: "nobody25",',
      [
        "smtp.config.ts:4: listeners[0].address: cannot listen on 127.0.0.1:25: this user has no right to port 25; run it with AmbientCapabilities=CAP_NET_BIND_SERVICE (systemd), or choose a port above 1023 such as 2525",
      ],
      NOBODY,
    );
  });
});

function everybodyHas25(): string | undefined {
  try {
    const first = Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8"));
    return first <= 25 ? `ports from ${first} on are everybody's here` : undefined;
  } catch {
    return "this system does not say from which port on they are everybody's";
  }
}

describe("postern start, of the data folder,", () => {
  const quiet = 'listeners: [{ address: "127.0.0.1:0" }],';
  const told = (name: string, data: string, want: RegExp | string, uid?: number) =>
    refused(`${name}.config.ts`, `${quiet} data: ${JSON.stringify(data)},`, [want], uid);

  it("tells one that is a file, and one below a file", async () => {
    writeIn(folder, "afile", "");
    await told(
      "file",
      "afile",
      'file.config.ts:4: data: found "afile", expected a folder this user can write (EEXIST: there is a file); set POSTERN_DATA to another, or give it to this user',
    );
    await told(
      "below",
      "afile/data",
      /^below\.config\.ts:4: data: found "afile\/data", .*\(ENOTDIR: there is a file\)/,
    );
  });

  it("tells a place where no folder can be made, and does not hang there", async () => {
    await told(
      "proc",
      "/proc/postern/data",
      /^proc\.config\.ts:4: data: found "\/proc\/postern\/data", .*\(ENOENT: no folder can be made there at \/proc\/postern\)/,
    );
  });

  it("tells a part of it that is a file", async () => {
    for (const part of ["traces", "content", "mailbox"]) {
      const data = join(temporaryFolder(), "data");
      mkdirSync(data, { mode: 0o700 });
      writeIn(data, part, "");
      await told(
        part,
        data,
        new RegExp(
          `^${part}\\.config\\.ts:4: data: found "${data}", expected a folder this user can write \\(EEXIST: there is a file at ${data}/${part}\\); `,
        ),
      );
    }
  });

  it("does not close a folder that serves others", async () => {
    const shared = temporaryFolder();
    chmodSync(shared, 0o755);
    writeIn(shared, "of-somebody", "");
    await told(
      "shared",
      shared,
      /^shared\.config\.ts:4: data: found ".*", which others can read and which holds other files, expected a folder of its own; /,
    );
    assert.equal(statSync(shared).mode & 0o777, 0o755);
  });

  it("tells one that this user can not write", async (t) => {
    const reason = await noOtherUser(folder);
    if (reason !== undefined) return t.skip(reason);
    mkdirSync(join(folder, "of-root"), { mode: 0o700 });
    await told(
      "right",
      "of-root",
      /^right\.config\.ts:4: data: found "of-root", expected a folder this user can write \((EACCES: this user has not the right|EPERM: it belongs to another user)\); /,
      NOBODY,
    );
    await told(
      "inside",
      "of-root/data",
      /^inside\.config\.ts:4: data: found "of-root\/data", expected .*\(EACCES: this user has not the right\); /,
      NOBODY,
    );
  });

  it("tells one that another gateway uses, and starts there when that one is gone", async () => {
    const cwd = temporaryFolder();
    writeIn(cwd, "gateway.config.ts", configText(`${quiet} data: "data",`));
    const first = await startedGateway({ cwd });
    assert.equal(statSync(join(cwd, "data")).mode & 0o777, 0o700);
    assertRefused(await runCommand(["start"], { cwd }), [
      `gateway.config.ts:4: data: found "data", which another gateway uses (process ${first.child.pid}), expected a folder of its own; end that gateway or set POSTERN_DATA`,
    ]);
    first.child.kill("SIGKILL");
    await first.exited;
    const second = await startedGateway({ cwd });
    assert.equal(await second.stop(), 0);
  });
});

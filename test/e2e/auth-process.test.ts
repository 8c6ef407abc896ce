/** AUTH at a gateway process: what `postern hash --scram` makes logs in, and a restart tells nobody who has an account. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { openConnection } from "../../core/relay/open-connection.ts";
import { base64, challengeOf } from "../smtp/auth-bed.ts";
import { Client } from "../smtp/limits-fixtures.ts";
import { makeCertificate } from "./certificate.ts";
import { type GatewayProcess, startGateway, temporaryFolder } from "./processes.ts";

const POSTERN = fileURLToPath(new URL("../../core/cli/postern.js", import.meta.url));

describe("postern start with users that have SCRAM keys", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let gateway: GatewayProcess | undefined;
  let config: string;

  const start = async (): Promise<GatewayProcess> => {
    gateway = await startGateway({ folder: folder.path, config });
    return gateway;
  };

  before(async () => {
    folder = await temporaryFolder();
    const made = spawnSync(process.execPath, [POSTERN, "hash", "--scram"], {
      input: "secret\n",
      encoding: "utf8",
    });
    const [hash, scram] = made.stdout.split("\n");
    const users = { "ann@example.com": { hash, scram } };
    config = join(folder.path, "gateway.config.mjs");
    const listener = { address: "127.0.0.1:0", kind: "submissions", tls: makeCertificate(folder.path) };
    const face = (path: string) => JSON.stringify(new URL(`../../${path}`, import.meta.url).href);
    await writeFile(
      config,
      `import { defineGateway, mailbox, pipeline } from ${face("core/mod.ts")};
import { routes, smtpAuth } from ${face("plugins/mod.ts")};
export default defineGateway((env) => ({
  listeners: [{ ...${JSON.stringify(listener)}, trustedNetworks: [] }],
  data: env.POSTERN_DATA,
  limits: { authFailuresPerClientMax: 2, authDelay: 0 },
  nextHops: { backend: mailbox() },
  pipeline: pipeline(smtpAuth({ users: ${JSON.stringify(users)} }), routes([{ nextHop: "backend" }])),
}));
`,
    );
  });
  after(async () => {
    gateway?.kill("SIGKILL");
    await gateway?.exited;
    await folder?.remove();
  });

  /** What a user is asked. */
  async function saltOf(port: number, user: string): Promise<string> {
    const client = new Client(connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false }));
    await client.reply();
    await client.ask("EHLO client.example");
    const reply = await client.ask(`AUTH SCRAM-SHA-256 ${base64(`n,,n=${user},r=nonce`)}`);
    client.socket.destroy();
    return /,s=(.*)$/.exec(challengeOf(reply))?.[1] ?? assert.fail(reply);
  }

  const login = (port: number, password: string) =>
    openConnection(
      {
        ...{ host: "127.0.0.1", port, hostName: "client.example", implicitTls: true, startTls: "none" },
        ...{ verify: false, auth: { user: "ann@example.com", password } },
        ...{ connectTimeoutMs: 5000, replyTimeoutMs: undefined },
      },
      new AbortController().signal,
    );

  it("lets them in, asks others the same after a restart, and counts who fails by address", async () => {
    const first = await start();
    const opened = await login(first.port, "secret");
    assert.equal(opened.keywords.get("AUTH"), "SCRAM-SHA-256 PLAIN LOGIN");
    opened.cut();
    const users = ["ann@example.com", "bob@example.com", "carl@example.com"];
    const asked = await Promise.all(users.map((user) => saltOf(first.port, user)));
    assert.equal(new Set(asked).size, 3);
    assert.equal(statSync(join(folder.path, "data", "secret")).mode & 0o777, 0o600);
    await assert.rejects(login(first.port, "Secret"), /535/);
    await assert.rejects(
      login(first.port, "Secret"),
      /421 4\.7\.0 Too many failed authentications from your network/,
    );
    await assert.rejects(login(first.port, "secret"), /421 4\.7\.0/);
    assert.equal(await first.stop(), 0);
    assert.match(first.output(), /"limit":"authFailuresPerClientMax"/);

    const second = await start();
    assert.deepEqual(await Promise.all(users.map((user) => saltOf(second.port, user))), asked);
    const secret = readFileSync(join(folder.path, "data", "secret"), "utf8").trim();
    assert.ok(!(first.output() + second.output()).includes(secret));
    assert.equal(await second.stop(), 0);
  });

  it("does not start with a secret that is none, and says in one line what to do", async () => {
    await writeFile(join(folder.path, "data", "secret"), "");
    const env = { ...process.env, POSTERN_DATA: join(folder.path, "data"), POSTERN_HTTP: "127.0.0.1:0" };
    const { status, stderr } = spawnSync(process.execPath, [POSTERN, "start", config], {
      env,
      encoding: "utf8",
    });
    assert.equal(status, 1);
    assert.match(stderr, /^\S+secret: found no secret of 32 octets; delete the file to get a new one\n$/);
  });
});

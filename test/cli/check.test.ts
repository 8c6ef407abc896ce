/** `postern check`: the compiler, values, facts, needs, routes, TLS files, and what it says of a good config. */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { assertRefused, type Ended, PACKAGE, runCommand, temporaryFolder, writeIn } from "./command.ts";

/** A project as a user has it: the package, and the compiler, are links in its node_modules. */
function project(packages: readonly string[] = ["typescript", "@types/node"]): string {
  const folder = temporaryFolder();
  writeIn(folder, "package.json", '{ "type": "module" }');
  mkdirSync(join(folder, "node_modules/@types"), { recursive: true });
  symlinkSync(PACKAGE, join(folder, "node_modules/postern"));
  for (const name of packages) {
    symlinkSync(join(PACKAGE, "node_modules", name), join(folder, "node_modules", name));
  }
  return folder;
}

const shared = project();
/** Writes a config that imports by the package's name, and checks it. */
async function checked(name: string, text: string, cwd = shared): Promise<Ended> {
  writeIn(cwd, name, text);
  return runCommand(["check", name], { cwd });
}

const IMPORTS = `import { defineGateway, definePlugin, fact, mailbox, mx, pipeline, reject, smtp, z } from "postern";
import { attachments, routes, smtpAuth } from "postern/plugins";
`;
/** Line 3 begins the pipeline. */
const withPipeline = (plugins: string, more = ""): string => `${IMPORTS}const all = pipeline(${plugins});
export default defineGateway({
  nextHops: { backend: mailbox() },
  ${more}
  pipeline: all,
});
`;
const ROUTES = 'routes([{ recipient: "*", nextHop: "backend" }])';

describe("postern check", () => {
  it("tells of a good config what the gateway would do", async () => {
    const ended = await checked(
      "good.config.ts",
      `${IMPORTS}
export default defineGateway((env) => ({
  listeners: [{ address: env.POSTERN_SMTP ?? "0.0.0.0:25", trustedNetworks: ["10.0.0.0/8"] }, { kind: "relay", name: "inside", address: 2525 }],
  http: "127.0.0.1:8025",
  domains: ["example.com", "example.org"],
  dns: { servers: ["192.0.2.53"] },
  trace: { dialogue: [{ client: "192.0.2.7" }, { client: ["::1"], address: ["*@example.com", "a@b.example"] }] },
  nextHops: {
    backend: smtp("192.0.2.1"),
    kept: mailbox(),
    out: mx(),
    near: mx({ port: 2525, tls: "verified", allowPrivateAddresses: true }),
  },
  pipeline: pipeline(smtpAuth({ users: {} }), attachments({ refuse: { extensions: ["exe"] } }), ${ROUTES}),
}));
`,
    );
    assert.equal(ended.stderr, "");
    const [first = "", ...rest] = ended.stdout.split("\n");
    assert.match(first, /^ok: good\.config\.ts \([0-9a-f]{12}\)$/);
    assert.deepEqual(rest, [
      "  types     checked",
      "  SMTP      0.0.0.0:25 (relay); who logged in or is in 10.0.0.0/8 may relay",
      "  SMTP      127.0.0.1:2525 (inside); who logged in or is in 127.0.0.0/8, ::1/128 may relay",
      "  page      127.0.0.1:8025",
      "  dns       192.0.2.53:53",
      "  domains   example.com, example.org",
      "  pipeline  smtpAuth > attachments > routes",
      "  AUTH      PLAIN, LOGIN, under TLS only",
      "  next hop  backend: smtp 192.0.2.1:25",
      "  next hop  kept: mailbox mailbox",
      "  next hop  out: mx, the hosts of each domain at port 25 (TLS opportunistic)",
      "  next hop  near: mx, the hosts of each domain at port 2525 (TLS verified, also to private addresses)",
      "  dialogue  in the trace: clients in 192.0.2.7",
      "  dialogue  in the trace: clients in ::1, mail from or to *@example.com, a@b.example",
      "",
    ]);
    assert.equal(ended.code, 0);
  });

  it("tells that SCRAM is offered where every user has keys, and nothing of AUTH where nobody answers it", async () => {
    const keys = `SCRAM-SHA-256$4096:${"A".repeat(22)}==$${"A".repeat(43)}=:${"A".repeat(43)}=`;
    const [scram, none] = await Promise.all([
      checked(
        "scram.config.ts",
        withPipeline(`smtpAuth({ users: { "a@b.example": "${keys}" } }), ${ROUTES}`),
      ),
      checked("no-auth.config.ts", withPipeline(ROUTES)),
    ]);
    assert.match(scram.stdout, /\n {2}AUTH {6}SCRAM-SHA-256, PLAIN, LOGIN, under TLS only\n/);
    assert.deepEqual([scram.code, none.code], [0, 0]);
    assert.doesNotMatch(none.stdout, /AUTH/);
  });

  it("tells of the DoH server that is asked, and refuses one beside servers, in the compiler's words and its own", async () => {
    const doh = 'doh: "https://dns.example/dns-query"';
    const [good, both] = await Promise.all([
      checked("doh.config.ts", withPipeline(ROUTES, `dns: { ${doh} },`)),
      checked("both.config.ts", withPipeline(ROUTES, `dns: { servers: ["192.0.2.53"], ${doh} },`)),
    ]);
    assert.equal(good.stderr, "");
    assert.match(good.stdout, /\n {2}dns {7}https:\/\/dns\.example\/dns-query\n/);
    assert.deepEqual([good.code, both.code], [0, 1]);
    const words = "either 'servers' or 'doh': of both, one would never be asked";
    assert.match(
      both.stderr,
      new RegExp(`^both\\.config\\.ts:\\d+:\\d+: Type 'string' is not .*${words}`, "m"),
    );
    assert.match(
      both.stderr,
      new RegExp(`^both\\.config\\.ts:\\d+: dns: found an object, expected ${words}$`, "m"),
    );
  });

  it("tells of LMTP listeners and unix sockets who may relay there", async () => {
    const listeners = [
      '{ kind: "lmtp", address: "unix:/run/postern/lmtp" }',
      '{ kind: "lmtp", name: "near", address: 24 }',
      '{ address: "unix:/run/postern/smtp" }',
    ];
    const more = `domains: ["example.com"], listeners: [${listeners.join(", ")}],`;
    const { stdout, stderr } = await checked("lmtp.config.ts", withPipeline(ROUTES, more));
    assert.equal(stderr, "");
    assert.deepEqual(
      stdout.split("\n").filter((line) => / {2}[LS]MTP /.test(line)),
      [
        "  LMTP      unix:/run/postern/lmtp (lmtp); nobody may relay",
        "  LMTP      127.0.0.1:24 (near); who is in 127.0.0.0/8, ::1/128 may relay",
        "  SMTP      unix:/run/postern/smtp (relay); only who logged in may relay",
      ],
    );
  });

  it("takes the default config, copied to a project whose package.json names no type, and empty variables", async () => {
    const folder = project();
    writeIn(folder, "package.json", "{}");
    cpSync(join(PACKAGE, "gateway.config.ts"), join(folder, "gateway.config.ts"));
    const names = ["POSTERN_SMTP", "POSTERN_HTTP", "POSTERN_DATA", "POSTERN_DOMAINS", "POSTERN_UPSTREAM"];
    const env = Object.fromEntries(names.map((name) => [name, ""]));
    const ended = await runCommand(["check"], { cwd: folder, env });
    // Node would say that it must guess what kind of module it is.
    assert.equal(ended.stderr, "");
    assert.match(
      ended.stdout,
      /SMTP {6}127\.0\.0\.1:2525 [\s\S]*page {6}127\.0\.0\.1:8025\n[\s\S]*backend: mailbox/,
    );
    assert.equal(ended.code, 0);
  });

  it("says that types are not checked where typescript is not installed", async () => {
    const ended = await checked("gateway.config.ts", withPipeline(ROUTES), project([]));
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(
      ended.stdout,
      /^ {2}types {5}not checked, as typescript is not installed: npm install --save-dev typescript @types\/node$/m,
    );
  });

  it("does not take a compiler that fails for one that found nothing", async () => {
    const folder = project([]);
    writeIn(folder, "node_modules/typescript/package.json", '{ "name": "typescript" }');
    writeIn(
      folder,
      "node_modules/typescript/bin/tsc",
      'console.error("no binary for it"); process.exit(2);\n',
    );
    assertRefused(await checked("gateway.config.ts", withPipeline(ROUTES), folder), [
      "gateway.config.ts: the types can not be checked, as the compiler failed: no binary for it; install typescript anew",
    ]);
  });

  it("checks JavaScript without the compiler", async () => {
    const ended = await checked("plain.config.js", withPipeline(ROUTES));
    assert.match(ended.stdout, /^ {2}types {5}none to check, it is JavaScript$/m);
    assert.equal(ended.code, 0, ended.stderr);
  });
});

const FACTS = `const Spam = fact("spam", { stage: "data", scope: "transaction", schema: z.number(), fallback: 0 });
const reader = definePlugin({ name: "reader", reads: [Spam], data: () => undefined });
const provider = definePlugin({ name: "provider", provides: [Spam], data: (ctx) => ctx.provide(Spam, 1) });
`;
const withFacts = (plugins: string, more: string): string =>
  withPipeline(plugins, more).replace("const all", `${FACTS}const all`);

const FAULTS: readonly {
  readonly name: string;
  readonly text: string;
  /** Default types.config.ts; JavaScript takes no compiler. */
  readonly file?: string;
  readonly want: readonly (RegExp | string)[];
}[] = [
  {
    name: "a type, the order of facts and a pipeline that does not route, by the compiler's last line and by the start",
    text: withFacts("reader, provider", 'deadline: "soon",'),
    want: [
      /^types\.config\.ts:6:\d+: .*needs the fact 'spam': put the plugin that provides it earlier/,
      /^types\.config\.ts:9:3: Type '"soon"' is not assignable to type/,
      /^types\.config\.ts:10:3: .*the pipeline has no plugin that routes: add routes\(\.\.\.\)"'\.$/,
      /^types\.config\.ts:9: deadline: found "soon", expected a duration from 1s to 10m/,
      /^types\.config\.ts:10: pipeline: .*reader.*needs the fact 'spam'/,
      /^types\.config\.ts:10: pipeline: the pipeline has no plugin that routes: add routes\(\.\.\.\)$/,
    ],
  },
  {
    name: "an import of a type that Node would look for",
    text: withPipeline(ROUTES).replace(
      "import { defineGateway,",
      "import { type NextHop as Hop, LoadedConfig, defineGateway,",
    ),
    want: [/^types\.config\.ts:1:\d+: 'LoadedConfig' is a type and must be imported/, /LoadedConfig/],
  },
  {
    name: "a route that is never reached",
    file: "plain.config.js",
    text: withPipeline(
      'routes([{ recipient: "*", nextHop: "backend" }, { recipient: "*@example.com", nextHop: "backend" }])',
    ),
    want: [/^plain\.config\.js:7: pipeline: routes: routes\[1\] is never reached: /],
  },
  {
    name: "a domain without a route",
    file: "plain.config.js",
    text: withPipeline(
      'routes([{ recipient: "*@example.com", nextHop: "backend" }])',
      'domains: ["example.com", "example.org"],',
    ),
    want: [
      /^plain\.config\.js:7: pipeline: routes: no route matches the domain 'example\.org': add \{ recipient: "\*@example\.org", nextHop: \.\.\. \}$/,
    ],
  },
  {
    name: "a trusted network that is half of the Internet",
    file: "plain.config.js",
    text: withPipeline(
      ROUTES,
      'domains: ["example.com"], listeners: [{ address: "0.0.0.0:25", trustedNetworks: ["0.0.0.0/1", "128.0.0.0/1"] }],',
    ),
    want: [
      /^plain\.config\.js:6: listeners\[0\]\.trustedNetworks\[0\]: found "0\.0\.0\.0\/1", expected a network such as .*: whoever is in it may relay$/,
      /^plain\.config\.js:6: listeners\[0\]\.trustedNetworks\[1\]: found "128\.0\.0\.0\/1", /,
    ],
  },
  {
    name: "a listener off loopback without domains",
    file: "plain.config.js",
    text: withPipeline(ROUTES, 'listeners: [{ address: "[::]:25" }],'),
    want: [/^plain\.config\.js: domains: found an empty list, .* listens off loopback on \[::\]:25; /],
  },
];

describe("postern check tells with file and line", { concurrency: 2 }, () => {
  for (const { name, text, want, file = "types.config.ts" } of FAULTS) {
    it(name, async () => {
      assertRefused(await checked(file, text, project()), want);
    });
  }
});

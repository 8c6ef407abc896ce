/** A config that can not be used: one line for each fault, with its place, and exit code 1. */
import { describe, it } from "node:test";
import { assertRefused, configText, QUIET, runCommand, temporaryFolder, writeIn } from "./command.ts";

const FACE = new URL("../../core/mod.ts", import.meta.url).href;
const ADDRESS = '"host:port" such as "127.0.0.1:2525", "unix:/path", or a port from 0 to 65535';

interface Case {
  readonly name: string;
  /** By name, the first is the config. */
  readonly files: { readonly [name: string]: string };
  readonly env?: { readonly [name: string]: string };
  readonly want: readonly (RegExp | string)[];
}

const settings = (text: string): Case["files"] => ({ "gateway.config.ts": configText(text) });

const CASES: readonly Case[] = [
  {
    name: "a wrong value",
    files: settings("listeners: [{ address: 25252525 }],"),
    want: [`gateway.config.ts:4: listeners[0].address: found 25252525, expected ${ADDRESS}`],
  },
  {
    name: "an unknown key",
    files: settings("domain: [],"),
    want: [
      /^gateway\.config\.ts:4: domain: found an unknown key, expected one of .*; did you mean "domains"\?$/,
    ],
  },
  {
    name: "two faults, of values and of the whole",
    files: settings(
      'deadline: "soon",\n  listeners: [{ name: "a", address: "127.0.0.1:0" }, { name: "a", address: "127.0.0.1:0" }],',
    ),
    want: [
      /^gateway\.config\.ts:4: deadline: found "soon", expected a duration from 1s to 10m: .*$/,
      'gateway.config.ts:5: listeners[1].name: found "a", expected a name that no other listener has',
    ],
  },
  {
    name: "a next hop that routes() names and nobody describes",
    files: {
      "gateway.config.ts": configText("").replace("nextHops: { backend:", "nextHops: { backends:"),
    },
    want: [
      'gateway.config.ts:5: pipeline: routes: found the next hop "backend", expected one of nextHops: backends; did you mean "backends"?',
    ],
  },
  {
    name: "a next hop that a plugin in code names and nobody describes",
    files: {
      "gateway.config.ts": configText("").replace(
        "routes([",
        'definePlugin({ name: "journal", nextHops: ["archive"] }), routes([',
      ),
    },
    want: [
      'gateway.config.ts:5: pipeline: journal: found the next hop "archive", expected one of nextHops: backend',
    ],
  },
  {
    name: "a listener off loopback without domains",
    files: settings('listeners: [{ address: "0.0.0.0:0" }],'),
    want: [
      /^gateway\.config\.ts: domains: found an empty list, expected .* listeners\[0\] listens off loopback on 0\.0\.0\.0:0; set domains: .*, or listen on 127\.0\.0\.1$/,
    ],
  },
  {
    name: "an option of a plugin",
    files: {
      "gateway.config.ts": configText("").replace('recipient: "*"', 'recipients: "*"'),
    },
    want: [/^gateway\.config\.ts:5: routes: .*recipients.*found.*expected.*$/],
  },
  {
    name: "an error of syntax in TypeScript",
    files: { "gateway.config.ts": "const a = 1;\nexport default = a;\n" },
    want: [/^gateway\.config\.ts:2: Expression expected/],
  },
  {
    name: "an error of syntax in JavaScript",
    files: { "gateway.config.js": "const a = 1;\nexport default { a: [1, 2 };\n" },
    want: [/^gateway\.config\.js:2: Unexpected token/],
  },
  {
    name: "an error of syntax in JavaScript that it imports",
    files: { "gateway.config.ts": 'import "./lib/hops.js";\n', "lib/hops.js": "\n\nexport const = 1;\n" },
    want: [/^lib\/hops\.js:3: Unexpected token/],
  },
  {
    name: "an error of syntax in TypeScript that it imports",
    files: { "gateway.config.ts": 'import "./hops.ts";\n', "hops.ts": "\nexport const = 1;\n" },
    want: [/^hops\.ts:2: /],
  },
  {
    name: "TypeScript that Node can not run",
    files: { "gateway.config.ts": "\nenum Mode { inline }\nexport default Mode;\n" },
    want: [/^gateway\.config\.ts:2: TypeScript enum is not supported/],
  },
  {
    name: "a config that throws",
    files: { "gateway.config.ts": '\n\nthrow new Error("no such\\nuser");\n' },
    want: ["gateway.config.ts:3: no such user"],
  },
  {
    name: "a file of the config that throws",
    files: { "gateway.config.ts": 'import "./hops.ts";\n', "hops.ts": '\nthrow new Error("no hops");\n' },
    want: ["hops.ts:2: no hops"],
  },
  {
    name: "a config that throws what is no error",
    files: { "gateway.config.ts": "throw null;\n" },
    want: ["gateway.config.ts: threw null"],
  },
  {
    name: "a config function that throws",
    files: settings("domains: nobody,"),
    want: ["gateway.config.ts:4: nobody is not defined"],
  },
  {
    name: "an async config function that rejects",
    files: {
      "gateway.config.ts": `import { defineGateway } from ${JSON.stringify(FACE)};
export default defineGateway(async () => {
  throw new Error("the vault is closed");
});
`,
    },
    want: ["gateway.config.ts:3: the vault is closed"],
  },
  {
    name: "an import of a file that is not there",
    files: { "gateway.config.ts": '\nimport { hops } from "./hops.ts";\nexport default hops;\n' },
    want: ['gateway.config.ts:2: cannot find the file "hops.ts"; correct the import'],
  },
  {
    name: "an import of a package that is not there",
    files: { "gateway.config.ts": 'import hops from "postern-hops/all";\nexport default hops;\n' },
    want: [
      'gateway.config.ts:1: cannot find the package "postern-hops"; npm install postern-hops, or correct the import',
    ],
  },
  {
    name: "an import of a name that is not exported",
    files: { "gateway.config.ts": `import { mailboxes } from ${JSON.stringify(FACE)};\n` },
    want: [/^gateway\.config\.ts:1: The requested module '.*' does not provide an export named 'mailboxes'$/],
  },
  {
    name: "no default export",
    files: { "gateway.config.ts": "export const a = 1;\n" },
    want: ["gateway.config.ts: found no default export, expected export default defineGateway(...)"],
  },
  {
    name: "a default export that is not of defineGateway",
    files: { "gateway.config.ts": "export default { listeners: [] };\n" },
    want: ["gateway.config.ts: found an object, expected export default defineGateway(...)"],
  },
  {
    name: "a config function that returns nothing",
    files: {
      "gateway.config.ts": `import { defineGateway } from ${JSON.stringify(FACE)};\nexport default defineGateway(() => undefined);\n`,
    },
    want: [
      "gateway.config.ts: found nothing, expected defineGateway to get, or its function to return, a config object",
    ],
  },
  {
    name: "no config in the folder",
    files: {},
    want: [/^found no gateway\.config\.ts in this folder; copy the one of postern, or name a file$/],
  },
];

describe("postern start says in one line each, with exit code 1 and no stack,", { concurrency: 2 }, () => {
  for (const { name, files, env = {}, want } of CASES) {
    it(name, async () => {
      const folder = temporaryFolder();
      writeIn(folder, "package.json", '{ "type": "module" }');
      for (const [file, text] of Object.entries(files)) writeIn(folder, file, text);
      assertRefused(await runCommand(["start"], { cwd: folder, env }), want);
    });
  }
});

const ENVIRONMENT: readonly {
  readonly name: string;
  readonly env: { readonly [name: string]: string };
  readonly want: readonly (RegExp | string)[];
}[] = [
  {
    name: "POSTERN_SMTP=abc",
    env: { POSTERN_SMTP: "abc" },
    want: [
      `gateway.config.ts:4: listeners[0].address: found "abc", expected ${ADDRESS}; the value is that of POSTERN_SMTP`,
    ],
  },
  {
    name: "POSTERN_UPSTREAM and POSTERN_DOMAINS",
    env: { POSTERN_UPSTREAM: "mail.example:smtp", POSTERN_DOMAINS: "example.com,exa mple.org" },
    want: [
      /^gateway\.config\.ts:8: nextHops\.backend\.servers\[0\]: found "mail\.example:smtp", .*; the value is that of POSTERN_UPSTREAM$/,
      /^gateway\.config\.ts:6: domains\[1\]: found "exa mple\.org", .*; the value is that of POSTERN_DOMAINS$/,
    ],
  },
];

describe("postern start names the variable of the environment that is wrong:", () => {
  const text = configText(
    'listeners: [{ address: env.POSTERN_SMTP ?? "127.0.0.1:0" }],\n  data: env.POSTERN_DATA ?? "data",\n  domains: env.POSTERN_DOMAINS,',
  ).replace("mailbox() }", "env.POSTERN_UPSTREAM ? smtp(env.POSTERN_UPSTREAM) : mailbox() }");
  for (const { name, env, want } of ENVIRONMENT) {
    it(name, async () => {
      const folder = temporaryFolder();
      writeIn(folder, "gateway.config.ts", text);
      assertRefused(await runCommand(["start"], { cwd: folder, env }), want);
    });
  }
});

describe("postern start and check take one config", () => {
  const folder = temporaryFolder();
  writeIn(folder, "gateway.config.ts", configText(QUIET));
  writeIn(folder, "gateway.config.json", "{}");
  for (const [args, want] of [
    [["start", "no.config.ts"], "no.config.ts: no such file, expected a config such as gateway.config.ts"],
    [["check", "."], ".: is no file, expected a config such as gateway.config.ts"],
    [
      ["dev", "gateway.config.json"],
      "gateway.config.json: found no TypeScript or JavaScript module, expected .ts, .mts, .js, .mjs",
    ],
    [
      ["start", "a.ts", "b.ts"],
      'postern start: found "a.ts" and "b.ts", expected one config; see postern help',
    ],
    [
      ["check", "--config", "a.ts", "b.ts"],
      'postern check: found "a.ts" and "b.ts", expected one config; see postern help',
    ],
    [["start", "--frob"], "Unknown option '--frob'; see postern help"],
    [["dev", "--frob"], "Unknown option '--frob'; see postern help"],
    [["check", "--config"], "Option '--config <value>' argument missing; see postern help"],
  ] as const) {
    it(`and not: ${args.join(" ")}`, async () => {
      assertRefused(await runCommand(args, { cwd: folder }), [want]);
    });
  }
});

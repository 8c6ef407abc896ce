/**
 * No open relay: what a stranger hears who asks a gateway process for relaying in each way known, and that nothing of
 * it gets to the next hop. On a loopback that is not trusted, and off loopback in a network namespace.
 */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { makeNamespaces, type Namespaces, namespacesMissing, spawnInside, startSinkInside } from "./netns.ts";
import { CLAIMS, RELAY_CASES } from "./open-relay-cases.ts";
import { type Heard, STRANGERS_MESSAGE, type Try, tryRecipients } from "./open-relay-client.ts";
import {
  type GatewayProcess,
  routesOnlyConfig,
  type Sink,
  startGateway,
  startSink,
  temporaryFolder,
} from "./processes.ts";
import { partReceived } from "./smtp-client.ts";

const noNamespaces = namespacesMissing();
const CLIENT = fileURLToPath(new URL("open-relay-client.ts", import.meta.url));
const ONE_LINE =
  /^it ended with 1 and said: \S+: domains: found an empty list, expected the mail domains served here, because listeners\[0\] listens off loopback on \S+; set domains: [^\n]*\n$/;
const DOMAINS = 'domains: ["served.example", "bücher.example"]';

/** Where the gateway is and where the stranger is. */
interface Place {
  readonly sink: Pick<Sink, "address" | "ledger" | "content" | "clear" | "stop">;
  /** What the gateway is run with. */
  readonly prefix: readonly string[];
  /** The host that it listens on, and its key for the networks it trusts. */
  readonly host: string;
  readonly listener: string;
  /** The stranger's address. */
  readonly client: string;
  ask(attempt: Try): Promise<Heard>;
  leave(): Promise<void>;
}

async function onLoopback(folder: string): Promise<Place> {
  const sink = await startSink(`${folder}/sink`);
  return {
    sink,
    prefix: [],
    host: "127.0.0.1",
    listener: "trustedNetworks: []",
    client: "127.0.0.1",
    ask: tryRecipients,
    leave: () => sink.stop(),
  };
}

async function offLoopback(folder: string): Promise<Place> {
  const namespaces = makeNamespaces();
  let stranger: ReturnType<typeof strangerInside> | undefined;
  try {
    const { gateway, client } = namespaces;
    const sink = await startSinkInside(gateway, `${folder}/sink`);
    stranger = strangerInside(client);
    const { ask, leave } = stranger;
    return {
      sink,
      prefix: gateway.prefix,
      host: gateway.address,
      // The default of a listener off loopback is what is tried here.
      listener: "",
      client: client.address,
      ask,
      async leave() {
        await leave();
        await sink.stop();
        namespaces.remove();
      },
    };
  } catch (error) {
    await stranger?.leave();
    namespaces.remove();
    throw error;
  }
}

/** A stranger in a namespace, who tries one thing after the other. */
function strangerInside(namespace: Namespaces["client"]): Pick<Place, "ask" | "leave"> {
  const child: ChildProcess = spawnInside(namespace, [CLIENT]);
  const ended = once(child, "close");
  assert.ok(child.stdin && child.stdout);
  const { stdin } = child;
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(attempt) {
      stdin.write(`${JSON.stringify(attempt)}\n`);
      const { value, done } = await lines.next();
      assert.ok(!done, "the stranger's process ended");
      return JSON.parse(value) as Heard;
    },
    async leave() {
      stdin.end();
      await ended;
    },
  };
}

const without = (reply: string | undefined): string | undefined => reply?.replace(/ref \w+\)/g, "ref ID)");

const places: readonly { name: string; skip: string | false; make(folder: string): Promise<Place> }[] = [
  { name: "on a loopback that is not trusted", skip: false, make: onLoopback },
  { name: "off loopback, in a network namespace", skip: noNamespaces, make: offLoopback },
];
const routes: readonly { name: string; route: string }[] = [
  { name: "whose route takes any recipient", route: '{ recipient: "*", nextHop: "backend" }' },
  { name: "whose route is a function that answers for anyone", route: '() => "backend"' },
];

for (const { name: where, skip, make } of places) {
  for (const { name: what, route } of routes) {
    describe(`postern start ${where}, ${what},`, { skip }, () => {
      let folder: Awaited<ReturnType<typeof temporaryFolder>>;
      let place: Place;
      let gateway: GatewayProcess;

      before(async () => {
        folder = await temporaryFolder();
        place = await make(folder.path);
        const listeners = `listeners: [{ address: env.POSTERN_SMTP, greetingDelay: 0, ${place.listener} }]`;
        gateway = await startGateway({
          folder: folder.path,
          config: await routesOnlyConfig(folder.path, { settings: `${DOMAINS}, ${listeners}`, route }),
          env: { POSTERN_SMTP: `${place.host}:0`, POSTERN_UPSTREAM: place.sink.address },
          prefix: place.prefix,
        });
      });
      beforeEach(() => place.sink.clear());
      after(async () => {
        gateway?.kill("SIGKILL");
        await gateway?.exited;
        await place?.leave();
        await folder?.remove();
      });

      const ask = ({
        before = ["EHLO client.example"],
        mail = "FROM:<stranger@elsewhere.example>",
        rcpt,
      }: Partial<Try> & Pick<Try, "rcpt">): Promise<Heard> =>
        place.ask({ host: place.host, port: gateway.port, before, mail, rcpt });

      function assertRelayed(recipients: readonly string[]): void {
        const [taken, ...more] = place.sink.ledger();
        assert.ok(taken, "the next hop got nothing");
        assert.equal(more.length, 0);
        assert.deepEqual(taken.recipients, recipients);
        const { received, rest } = partReceived(place.sink.content(taken));
        assert.ok(received.includes(`([${place.client}])`), received);
        assert.equal(rest.toString(), STRANGERS_MESSAGE);
      }

      function assertNothingRelayed(heard: Heard): void {
        assert.equal(heard.data, "554 5.5.1 No valid recipients");
        assert.deepEqual(place.sink.ledger(), []);
      }

      for (const { name, path, want, relayed } of RELAY_CASES) {
        it(`answers ${want.slice(0, 3)} to RCPT TO:${JSON.stringify(path).slice(1, -1)} (${name})`, async () => {
          const heard = await ask({ rcpt: [`TO:${path}`] });
          assert.equal(heard.mail, "250 2.1.0 Sender ok");
          assert.deepEqual(heard.rcpt.map(without), [want]);
          if (relayed === undefined) return assertNothingRelayed(heard);
          assert.equal(without(heard.message), "250 2.0.0 Message accepted (ref ID)");
          assertRelayed([relayed]);
        });
      }

      for (const { name, before, mail } of CLAIMS) {
        it(`refuses a domain not served to one who claims to be ${name}`, async () => {
          const heard = await ask({
            ...(before ? { before } : {}),
            ...(mail ? { mail } : {}),
            rcpt: ["TO:<bob@elsewhere.example>"],
          });
          assert.deepEqual(heard.rcpt.map(without), ["550 5.7.1 Relaying denied (ref ID)"]);
          assertNothingRelayed(heard);
        });
      }

      it("relays to the served ones alone of a transaction that names others too", async () => {
        const paths = ["ann@served.example", "bob@elsewhere.example", "bob%elsewhere.example@served.example"];
        const heard = await ask({
          rcpt: [...paths, "bob@xn--bcher-kva.example"].map((path) => `TO:<${path}>`),
        });
        const denied = "550 5.7.1 Relaying denied (ref ID)";
        const taken = "250 2.1.5 Recipient ok";
        assert.deepEqual(heard.rcpt.map(without), [taken, denied, denied, taken]);
        assert.equal(without(heard.message), "250 2.0.0 Message accepted (ref ID)");
        assertRelayed(["ann@served.example", "bob@xn--bcher-kva.example"]);
      });

      it("takes SMTPUTF8 as the next hop does, and relays to the domains served alone", async () => {
        // Cyrillic letters stand for the same ones of "served"; a dot of another script parts labels (RFC 3490 3.1).
        const foreign = ["bob@müller.example", "bob@s\u0435rv\u0435d.example", "bob@served\u3002example.com"];
        const heard = await ask({
          mail: "FROM:<a@elsewhere.example> SMTPUTF8",
          rcpt: ["bob@bücher.example", ...foreign].map((path) => `TO:<${path}>`),
        });
        assert.equal(heard.mail, "250 2.1.0 Sender ok");
        const denied = "550 5.7.1 Relaying denied (ref ID)";
        const malformed = "501 5.1.3 Syntax: RCPT TO:<address>";
        assert.deepEqual(heard.rcpt.map(without), ["250 2.1.5 Recipient ok", denied, denied, malformed]);
        assert.equal(without(heard.message), "250 2.0.0 Message accepted (ref ID)");
        assertRelayed(["bob@xn--bcher-kva.example"]);
      });
    });
  }
}

describe("postern start on all addresses", { skip: noNamespaces }, () => {
  it("does not trust a client on loopback", async () => {
    const folder = await temporaryFolder();
    const namespaces = makeNamespaces();
    const stranger = strangerInside(namespaces.gateway);
    try {
      const gateway = await startGateway({
        folder: folder.path,
        config: await routesOnlyConfig(folder.path, { settings: DOMAINS }),
        env: { POSTERN_SMTP: "0.0.0.0:0", POSTERN_UPSTREAM: "127.0.0.1:1" },
        prefix: namespaces.gateway.prefix,
      });
      try {
        const { rcpt } = await stranger.ask({
          host: "127.0.0.1",
          port: gateway.port,
          before: ["EHLO client.example"],
          mail: "FROM:<stranger@elsewhere.example>",
          rcpt: ["TO:<bob@elsewhere.example>", "TO:<bob@served.example>"],
        });
        assert.deepEqual(rcpt.map(without), ["550 5.7.1 Relaying denied (ref ID)", "250 2.1.5 Recipient ok"]);
      } finally {
        gateway.kill("SIGKILL");
        await gateway.exited;
      }
    } finally {
      await stranger.leave();
      namespaces.remove();
      await folder.remove();
    }
  });
});

describe("postern start off loopback without domains ends with 1 and one line, without listening,", () => {
  for (const address of ["192.0.2.1:2525", "[::]:0", "mail.example:2525"]) {
    it(`on ${address}, with a function route`, async () => {
      const folder = await temporaryFolder();
      try {
        const config = await routesOnlyConfig(folder.path, { route: '() => "backend"' });
        await assert.rejects(
          startGateway({ folder: folder.path, config, env: { POSTERN_SMTP: address } }),
          (error: Error) => ONE_LINE.test(error.message),
        );
      } finally {
        await folder.remove();
      }
    });
  }

  it("with the config of the package", async () => {
    const folder = await temporaryFolder();
    try {
      await assert.rejects(
        startGateway({ folder: folder.path, env: { POSTERN_SMTP: "0.0.0.0:0", POSTERN_DOMAINS: "" } }),
        (error: Error) =>
          ONE_LINE.test(error.message) &&
          /said: gateway\.config\.ts(?::\d+)?: domains: .* on 0\.0\.0\.0:0; set domains: \["example\.com"\] \(POSTERN_DOMAINS=example\.com\), or listen on 127\.0\.0\.1\n$/.test(
            error.message,
          ),
      );
    } finally {
      await folder.remove();
    }
  });
});

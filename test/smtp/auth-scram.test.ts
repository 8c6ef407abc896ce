/** AUTH SCRAM-SHA-256 at the real listener and engine: with our own client, and with clients that cheat. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { fromBase64, scramProof, toBase64 } from "postern";
import { openConnection } from "../../core/relay/open-connection.ts";
import { scramSha256 } from "../../core/relay/sasl.ts";
import { base64, challengeOf, openAuthBed, SECRET_KEYS } from "./auth-bed.ts";
import type { Client } from "./limits-fixtures.ts";

const bed = await openAuthBed();
after(() => bed.close());

const ANN = "ann@example.com";

/** Says the client's first message; gives what the server's first has. */
async function begin(client: Client, first = `n,,n=${ANN},r=nonce`) {
  const reply = await client.ask(`AUTH SCRAM-SHA-256 ${base64(first)}`);
  const message = challengeOf(reply);
  const [, nonce = "", salt = "", iterations = ""] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(message) ?? [];
  return { reply, message, nonce, salt, iterations: Number(iterations) };
}

interface Proving {
  readonly password?: string;
  readonly bare?: string;
  readonly binding?: string;
  readonly nonce?: string;
}

/** The last message of a client, and what it must hear. */
async function finalOf(begun: Awaited<ReturnType<typeof begin>>, proving: Proving = {}) {
  const { password = "secret", bare = `n=${ANN},r=nonce`, binding = "n,,", nonce = begun.nonce } = proving;
  const withoutProof = `c=${base64(binding)},r=${nonce}`;
  const salt = fromBase64(begun.salt) ?? assert.fail(begun.reply);
  const message = `${bare},${begun.message},${withoutProof}`;
  const { proof, serverSignature } = await scramProof(password, { ...begun, salt }, message);
  return {
    text: base64(`${withoutProof},p=${toBase64(proof)}`),
    signature: `v=${toBase64(serverSignature)}`,
  };
}

/** Runs a client's exchange; gives the replies that are no challenge. */
async function login(client: Client, user: string, password: string): Promise<string> {
  const exchange = scramSha256({ user, password });
  let reply = await client.ask(`AUTH SCRAM-SHA-256 ${base64(exchange.initial ?? "")}`);
  while (reply.startsWith("334")) reply = await client.ask(base64(await exchange.answer(challengeOf(reply))));
  return reply;
}

const withClient = async (run: (client: Client) => Promise<void>): Promise<void> => {
  const client = await bed.open();
  try {
    await run(client);
  } finally {
    client.socket.destroy();
  }
};

describe("AUTH SCRAM-SHA-256", () => {
  it("lets in who proves the password", () =>
    withClient(async (client) => {
      assert.match(await client.ask("MAIL FROM:<>"), /^530 /);
      assert.match(await login(client, ANN, "secret"), /^235 2\.7\.0/);
      assert.match(await client.ask(`MAIL FROM:<${ANN}>`), /^250 /);
    }));

  it("proves to the client that the server knows the password too, and waits for its consent", () =>
    withClient(async (client) => {
      const { text, signature } = await finalOf(await begin(client));
      assert.equal(challengeOf(await client.ask(text)), signature);
      assert.match(await client.ask(""), /^235 /);
    }));

  it("asks a client that begins without a first message for it", () =>
    withClient(async (client) => {
      assert.equal(await client.ask("AUTH scram-sha-256"), "334 ");
      assert.match(await client.ask(base64(`n,,n=${ANN},r=nonce`)), /^334 \S/);
    }));

  it("takes y where the client could bind to the channel, which is not offered", () =>
    withClient(async (client) => {
      const { text } = await finalOf(await begin(client, `y,,n=${ANN},r=nonce`), { binding: "y,," });
      assert.match(await client.ask(text), /^334 /);
      assert.match(await client.ask(""), /^235 /);
    }));

  it("lets an identity of its own be asked for, and no other", () =>
    withClient(async (client) => {
      const first = (authzid: string) => `n,a=${authzid},n=${ANN},r=nonce`;
      assert.match((await begin(client, first("bob@example.com"))).reply, /^501 5\.5\.2/);
      const { text } = await finalOf(await begin(client, first(ANN)), { binding: `n,a=${ANN},` });
      assert.match(await client.ask(text), /^334 /);
      assert.match(await client.ask(""), /^235 /);
    }));

  it("takes the same user by PLAIN and LOGIN, and refuses another password there", () =>
    withClient(async (client) => {
      assert.match(await client.ask(`AUTH PLAIN ${base64(`\0${ANN}\0Secret`)}`), /^535 5\.7\.8/);
      assert.match(await client.ask(`AUTH LOGIN ${base64(ANN)}`), /^334 /);
      assert.match(await client.ask(base64("secret")), /^235 /);
    }));

  it("is offered first and taken by our own client, which says so when the password is wrong", async () => {
    const direct = await openAuthBed({ proxied: false });
    const open = (password: string) =>
      openConnection(
        {
          ...{ host: "127.0.0.1", port: direct.port, hostName: "client.example", implicitTls: true },
          ...{ startTls: "none", verify: false, auth: { user: ANN, password } },
          ...{ connectTimeoutMs: 5000, replyTimeoutMs: undefined },
        },
        new AbortController().signal,
      );
    try {
      const opened = await open("secret");
      assert.equal(opened.keywords.get("AUTH"), "SCRAM-SHA-256 PLAIN LOGIN");
      opened.cut();
      await assert.rejects(open("Secret"), /535/);
    } finally {
      await direct.close();
    }
  });
});

describe("a client that cheats at AUTH SCRAM-SHA-256", () => {
  for (const { name, proving } of [
    { name: "another password", proving: { password: "Secret" } },
    { name: "another user's name under the proof", proving: { bare: "n=bob@example.com,r=nonce" } },
    { name: "another nonce than the server's", proving: { nonce: "nonceAAAAAAAAAAAAAAAAAAAAAAAA" } },
    { name: "its own nonce alone", proving: { nonce: "nonce" } },
    { name: "another flag of channel binding than at first", proving: { binding: "y,," } },
    { name: "a binding that nobody offered", proving: { binding: "p=tls-exporter,,x" } },
  ])
    it(`is told 535 for ${name}, and is nobody`, () =>
      withClient(async (client) => {
        const { text } = await finalOf(await begin(client), proving);
        assert.match(await client.ask(text), /^535 5\.7\.8 Authentication credentials invalid$/);
        assert.match(await client.ask("MAIL FROM:<>"), /^530 /);
      }));

  it("can not use a proof twice: the nonce is another one", () =>
    withClient(async (client) => {
      const first = await begin(client);
      const { text } = await finalOf(first);
      assert.match(await client.ask("*"), /^501 5\.7\.0/);
      const second = await begin(client);
      assert.notEqual(first.nonce, second.nonce);
      assert.match(await client.ask(text), /^535 /);
    }));

  for (const { name, first } of [
    { name: "nothing", first: "" },
    { name: "channel binding, which is not offered", first: `p=tls-exporter,,n=${ANN},r=nonce` },
    { name: "an extension that must be understood", first: `n,,m=x,n=${ANN},r=nonce` },
    { name: "no user", first: "n,,n=,r=nonce" },
    { name: "a control in the user", first: "n,,n=a\u0007,r=nonce" },
    { name: "no nonce", first: `n,,n=${ANN},r=` },
    { name: "a nonce too long to be sent back", first: `n,,n=${ANN},r=${"x".repeat(201)}` },
    { name: "a response of PLAIN", first: `\0${ANN}\0secret` },
  ])
    it(`is told 501 for a first message with ${name}`, () =>
      withClient(async (client) => {
        const initial = first === "" ? "=" : base64(first);
        assert.match(await client.ask(`AUTH SCRAM-SHA-256 ${initial}`), /^501 5\.5\.2/);
        assert.match(await client.ask("NOOP"), /^250 /);
      }));

  for (const { name, text } of [
    { name: "nothing", text: "" },
    { name: "no base64", text: "!!!!" },
    { name: "half a group of base64", text: "Yml3c" },
    { name: "octets that are no UTF-8", text: Buffer.from([0xff, 0xfe]).toString("base64") },
    { name: "a message without proof", text: base64("c=biws,r=x") },
    { name: "a truncated proof", text: base64("c=biws,r=x,p=AAAA") },
    { name: "the first message again", text: base64(`n,,n=${ANN},r=nonce`) },
    { name: "a command", text: "MAIL FROM:<>" },
  ])
    it(`is told 501 for ${name} where the proof belongs, and the exchange is over`, () =>
      withClient(async (client) => {
        const begun = await begin(client);
        assert.match(await client.ask(text), /^501 5\.5\.2/);
        assert.match(await client.ask((await finalOf(begun)).text), /^500 /);
        assert.match(await client.ask("MAIL FROM:<>"), /^530 /);
      }));

  for (const { name, consent, want } of [
    { name: "gives the exchange up", consent: "*", want: /^501 5\.7\.0/ },
    { name: "answers more than nothing", consent: base64("yes"), want: /^501 5\.5\.2/ },
    { name: "sends the next command", consent: "MAIL FROM:<>", want: /^501 5\.5\.2/ },
  ])
    it(`is nobody when it ${name} after the server's last message`, () =>
      withClient(async (client) => {
        const { text } = await finalOf(await begin(client));
        assert.match(await client.ask(text), /^334 /);
        assert.match(await client.ask(consent), want);
        assert.match(await client.ask("MAIL FROM:<>"), /^530 /);
        assert.match(await login(client, ANN, "secret"), /^235 /);
      }));

  it("is ended for a line that is too long", () =>
    withClient(async (client) => {
      await begin(client);
      client.say(`${"A".repeat(20_000)}\r\n`);
      assert.match(await client.reply(), /^421 4\.5\.2/);
      await client.closed();
    }));

  it("is refused a line that ends in a bare LF, and the exchange is over", () =>
    withClient(async (client) => {
      const { text } = await finalOf(await begin(client));
      client.say(`${text}\n`);
      assert.match(await client.reply(), /^500 5\.5\.2/);
      assert.match(await client.ask(""), /^500 /);
      assert.match(await client.ask("MAIL FROM:<>"), /^530 /);
    }));

  it("leaves nothing behind when it goes in the middle", async () => {
    const client = await bed.open();
    await begin(client);
    client.socket.destroy();
    await client.closed();
    await withClient(async (other) => assert.match(await login(other, ANN, "secret"), /^235 /));
  });

  it("can not log in twice", () =>
    withClient(async (client) => {
      assert.match(await login(client, ANN, "secret"), /^235 /);
      assert.match((await begin(client)).reply, /^503 5\.5\.1 Already/);
    }));
});

describe("users that are probed by AUTH SCRAM-SHA-256", () => {
  it("can not be told from users that there are not", () =>
    withClient(async (client) => {
      const asked = new Map<string, string>();
      for (const user of [ANN, "bob@example.com", ANN, "bob@example.com", "=2C@example.com"]) {
        const begun = await begin(client, `n,,n=${user},r=nonce`);
        assert.equal(begun.iterations, 4096);
        assert.equal(fromBase64(begun.salt)?.length, 16);
        assert.equal(begun.salt, asked.get(user) ?? begun.salt);
        asked.set(user, begun.salt);
        const { text } = await finalOf(begun, { bare: `n=${user},r=nonce`, password: "wrong" });
        assert.equal(await client.ask(text), "535 5.7.8 Authentication credentials invalid");
      }
      assert.equal(new Set(asked.values()).size, 3);
    }));

  it("are not let in without an account, whatever the password", () =>
    withClient(async (client) => {
      for (const password of ["", "secret"])
        assert.match(await login(client, "bob@example.com", password), /^535 /);
    }));
});

describe("AUTH without keys for SCRAM", () => {
  it("offers PLAIN and LOGIN alone where one user has a scrypt hash only", async () => {
    const salt = Buffer.alloc(16, 7).toString("base64");
    const scrypt = `scrypt$16384$8$1$${salt}$${Buffer.alloc(32).toString("base64")}`;
    const mixed = await openAuthBed({ users: { [ANN]: SECRET_KEYS, "bob@example.com": scrypt } });
    try {
      assert.equal(mixed.engine.gateway.offersScram, false);
      const client = await mixed.open();
      assert.match((await begin(client)).reply, /^504 5\.5\.4/);
      assert.match(await client.ask(`AUTH PLAIN ${base64(`\0${ANN}\0secret`)}`), /^235 /);
      client.socket.destroy();
    } finally {
      await mixed.close();
    }
  });
});

describe("what AUTH SCRAM-SHA-256 leaves in the log and the trace", () => {
  it("has the user's name and no secret", async () => {
    const own = await openAuthBed({ limits: { authFailuresMax: 2 } });
    const client = await own.open();
    const begun = await begin(client);
    const wrong = await finalOf(begun, { password: "Secret" });
    await client.ask(wrong.text);
    const right = await finalOf(await begin(client));
    await client.ask(right.text);
    await client.ask("");
    await client.ask(`MAIL FROM:<${ANN}>`);
    await client.ask("RCPT TO:<you@elsewhere.example>");
    await client.ask("DATA");
    assert.match(await client.ask(`From: ${ANN}\r\n\r\nx\r\n.`), /^250 /);
    client.socket.destroy();
    await own.close();
    const told = JSON.stringify([own.logged, own.engine.lines, own.engine.records]);
    assert.match(told, /"user":"ann@example.com"/);
    assert.match(told, /AUTH SCRAM-SHA-256 \(not shown\)/);
    const [, stored, server] = /\$([^$:]+):([^$:]+)$/.exec(SECRET_KEYS) ?? [];
    for (const secret of [
      wrong.text,
      right.text,
      right.signature.slice(2),
      begun.salt,
      stored,
      server,
      "Secret",
    ])
      assert.ok(secret && !told.includes(secret), secret);
  });
});

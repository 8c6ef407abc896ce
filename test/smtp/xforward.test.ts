/** XFORWARD: what it may say, who may say it, and what smtp-server's method for it is. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SMTPConnection } from "smtp-server/lib/smtp-connection.js";
import { parseXforward } from "../../core/smtp/xforward.ts";
import { bed, Client } from "./limits-fixtures.ts";
import { SeeingGateway } from "./proxy-fixtures.ts";

const RIGHT = [
  {
    name: "all that there is",
    input:
      " NAME=spike.example addr=IPV6:2001:DB8::1 PORT=4711 PROTO=ESMTP HELO=[192.0.2.1] IDENT=4Z2x SOURCE=remote",
    want: {
      ...{ name: "spike.example", ip: "2001:db8::1", port: 4711, protocol: "ESMTP" },
      ...{ ehlo: "[192.0.2.1]", ident: "4Z2x", source: "REMOTE" },
    },
  },
  {
    name: "what is not known",
    input: "NAME=[unavailable] ADDR=[UNAVAILABLE] SOURCE=[Unavailable]",
    want: { name: null, ip: null, source: null },
  },
  {
    name: "a name with what is special in header fields, without it",
    input: "HELO=a+20b(c)<d>@e",
    want: { ehlo: "a?b?c??d??e" },
  },
];
const WRONG = [
  ...["", "ADDR", "ADDR=x", "ADDR=2001:db8::1", "PORT=65536", "PORT=x", "NAME=", "SOURCE=here", "LOGIN=ann"],
  ...["HELO=a+0Ab", "HELO=a+C3+A4", "NAME=a NAME=b", `HELO=${"x".repeat(256)}`, `PROTO=${"x".repeat(65)}`],
  ...["__proto__=1", "toString=1", "ip=192.0.2.1"],
];

describe("parseXforward", () => {
  for (const { name, input, want } of RIGHT)
    it(`takes ${name}`, () => assert.deepEqual(parseXforward(input), want));
  it("refuses the whole where anything of it is wrong", () => {
    for (const input of WRONG) assert.equal(parseXforward(input), undefined, input);
    for (const input of WRONG.slice(1)) assert.equal(parseXforward(`IDENT=1 ${input}`), undefined, input);
  });
});

describe("listenSmtp with xforward", () => {
  it("offers it to listed peers alone, refuses it to others, and tells the engine of it", async () => {
    const gateway = new SeeingGateway();
    const { port, close } = await bed({ gateway, listener: { xforward: ["127.0.0.1"] } });
    const client = await Client.open(port);
    await client.reply();
    assert.equal(await client.askAll("EHLO c", "XFORWARD ADDR=192.0.2.1"), "250 250");
    assert.ok(gateway.events.includes('forwarded {"ip":"192.0.2.1"}'), gateway.events.join());
    client.socket.destroy();
    await close();
    const other = new SeeingGateway();
    const second = await bed({ gateway: other, listener: { xforward: ["192.0.2.0/24"] } });
    const stranger = await Client.open(second.port);
    await stranger.reply();
    assert.match(await stranger.ask("EHLO c"), /^250/);
    assert.match(await stranger.ask("XFORWARD ADDR=192.0.2.1"), /^550 5\.7\.0/);
    assert.ok(!other.events.some((event) => event.startsWith("forwarded")));
    stranger.socket.destroy();
    await second.close();
  });

  it("stands in place of the method of that name that smtp-server has", () => {
    assert.equal(typeof SMTPConnection.prototype.handler_XFORWARD, "function");
  });
});

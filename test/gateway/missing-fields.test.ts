/** What a submission listener adds to a message that lacks it (RFC 6409 8.2, 8.3), and what it leaves alone. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, pipeline, readAll, routeTo } from "postern";
import { type Bed, forward, octets, openBed, reverse } from "./engine-bed.ts";
import { manualClock } from "./manual-clock.ts";

const seen: { edited: string[]; original: string[] }[] = [];
const look = definePlugin({
  name: "look",
  data: ({ message, original }) =>
    void seen.push({
      edited: message.header.fields.map(({ name }) => name),
      original: original.header.fields.map(({ name }) => name),
    }),
});
const routes = definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });
const open = (config: object = {}): Promise<Bed> =>
  openBed({ pipeline: pipeline(look, routes), clock: manualClock(), config });

async function submit(
  bed: Bed,
  content: string,
  kind: "relay" | "submission" | "submissions" | "lmtp" = "submission",
): Promise<string> {
  const session = bed.gateway.openSession({
    origin: kind === "lmtp" ? "lmtp" : "smtp",
    listener: { name: "relay", kind, address: "" },
    client: { ip: "127.0.0.1", port: 40_000 },
    local: "",
  });
  await session.ehlo("client.example");
  await session.mail(reverse("ann@example.com"), {});
  await session.rcpt(forward("bob@example.org"), {});
  const receiver = session.receive();
  await receiver.write(octets(content));
  assert.equal((await receiver.end()).answer.kind, "accepted");
  const delivery = bed.deliveries.at(-1);
  assert.ok(delivery);
  const sent = new TextDecoder().decode(await readAll(delivery.content));
  return sent.replace(/^Received: [^\r]*\r\n(?:[ \t][^\r]*\r\n)*/, "");
}

const DATE = "Date: Mon, 5 Jan 2026 10:00:00 +0000\r\n";
const ID = /^Message-ID: <[0-9a-z]{14}\.[0-9a-f]{16}@gate\.example>\r\n/;
const FROM = "From: ann@example.com\r\n";
const BODY = "\r\nbody \xe9 \r\n\r\n";

describe("a submission listener", () => {
  for (const kind of ["submission", "submissions"] as const) {
    it(`of kind ${kind} adds Date and Message-ID on top, and keeps every octet below`, async () => {
      const bed = await open();
      const sent = await submit(bed, `${FROM}${BODY}`, kind);
      assert.ok(sent.startsWith(DATE), sent);
      assert.match(sent.slice(DATE.length), ID);
      assert.equal(sent.slice(DATE.length).replace(ID, ""), `${FROM}${BODY}`);
    });
  }

  const cases: readonly { name: string; content: string; adds: readonly string[] }[] = [
    { name: "with both", content: `Date: x\r\nMessage-ID: <a@b>\r\n${FROM}${BODY}`, adds: [] },
    { name: "with a Date", content: `date: x\r\n${FROM}${BODY}`, adds: ["Message-ID"] },
    { name: "with a Message-ID", content: `${FROM}MESSAGE-ID: <a@b>\r\n${BODY}`, adds: ["Date"] },
    {
      name: "with malformed ones, which a signature may cover",
      content: `Date:\r\nMessage-ID: no\r\n${FROM}${BODY}`,
      adds: [],
    },
    {
      name: "with them below the header section only",
      content: `${FROM}\r\nDate: x\r\nMessage-ID: <a@b>\r\n`,
      adds: ["Message-ID", "Date"],
    },
    { name: "without a header section", content: "\r\nbody\r\n", adds: ["Message-ID", "Date"] },
    { name: "without octets", content: "", adds: ["Message-ID", "Date"] },
    { name: "with a line that is no field", content: "no field\r\n", adds: ["Message-ID", "Date"] },
  ];
  for (const { name, content, adds } of cases) {
    it(`adds to a message ${name}: ${adds.join(" and ") || "nothing"}`, async () => {
      const bed = await open();
      const sent = await submit(bed, content);
      assert.ok(sent.endsWith(content));
      const added = sent.slice(0, sent.length - content.length);
      assert.deepEqual(
        [...added.matchAll(/^([A-Za-z-]+):/gm)].map(([, field]) => field),
        [...adds].reverse(),
      );
      assert.deepEqual(
        bed.last().edits.map(({ author, summary }) => `${author} ${summary}`),
        adds.map((field) => `submission added ${field}`),
      );
    });
  }

  it("says in the trace why, and shows plugins the message with them and the original without", async () => {
    const bed = await open();
    seen.length = 0;
    await submit(bed, `${FROM}${BODY}`);
    assert.deepEqual(seen, [{ edited: ["Date", "Message-ID", "From"], original: ["From"] }]);
    assert.deepEqual(
      bed.last().edits.map(({ reason }) => reason),
      ["it had none (RFC 6409 8.3)", "it had none (RFC 6409 8.2)"],
    );
  });

  it("gives no two messages one Message-ID, and has an address in brackets on the right", async () => {
    const bed = await open({ hostName: "2001:db8::1" });
    const ids = new Set<string>();
    for (let i = 0; i < 20; i++) {
      const id = /^Message-ID: (<[^>]*@\[IPv6:2001:db8::1\]>)\r$/m.exec(
        await submit(bed, `${FROM}${BODY}`),
      )?.[1];
      assert.ok(id);
      ids.add(id);
    }
    assert.equal(ids.size, 20);
  });
});

describe("a listener of another kind", () => {
  for (const kind of ["relay", "lmtp"] as const) {
    it(`${kind} adds nothing`, async () => {
      const bed = await open();
      assert.equal(await submit(bed, `${FROM}${BODY}`, kind), `${FROM}${BODY}`);
      assert.deepEqual(bed.last().edits, []);
    });
  }
});

/** Loops: by the count of Received fields and by our own among them, on every route and before any plugin. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, pipeline, routeTo } from "postern";
import { OWN_RECEIVED_FIELDS_MAX, RECEIVED_FIELDS_MAX } from "../../core/gateway/loop-check.ts";
import { CONTENT, openBed, short } from "./engine-bed.ts";

const routes = definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });
const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
const other = (n: number) =>
  `Received: from a by mx${n}.example.net (Postern) with ESMTP id 1;\r\n\tMon, 5 Jan 2026\r\n`;
const own = (by = "gate.example") =>
  `Received: from a ([192.0.2.1])\r\n\tby ${by} (Postern) with ESMTP id 1;\r\n\tMon\r\n`;
const many = (count: number, field: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => field(n)).join("");

describe("a message in a loop", () => {
  const table = [
    {
      name: `${RECEIVED_FIELDS_MAX} Received fields of others`,
      head: many(RECEIVED_FIELDS_MAX, other),
      want: "250 2.0.0",
    },
    {
      name: `${RECEIVED_FIELDS_MAX + 1} of them`,
      head: many(RECEIVED_FIELDS_MAX + 1, other),
      want: "554 5.4.6",
    },
    {
      name: `${OWN_RECEIVED_FIELDS_MAX} of our own`,
      head: many(OWN_RECEIVED_FIELDS_MAX, () => own()),
      want: "250 2.0.0",
    },
    {
      name: `${OWN_RECEIVED_FIELDS_MAX + 1} of our own`,
      head: many(OWN_RECEIVED_FIELDS_MAX + 1, () => own()),
      want: "554 5.4.6",
    },
    { name: "our own in other letter case", head: many(6, () => own("GATE.Example")), want: "554 5.4.6" },
    {
      name: "our own folded anew",
      head: many(6, () => own().replace("by gate.example", "by\r\n  gate.example")),
      want: "554 5.4.6",
    },
    {
      name: "a host whose name ends in ours",
      head: many(6, () => own("the-gate.example")),
      want: "250 2.0.0",
    },
    {
      name: "a host whose name begins with ours",
      head: many(6, () => own("gate.example.net")),
      want: "250 2.0.0",
    },
    {
      name: "our name without our product",
      head: many(6, () => own().replace(" (Postern)", "")),
      want: "250 2.0.0",
    },
    {
      name: "our words in another field",
      head: many(6, () => own().replace("Received", "X-Received")),
      want: "250 2.0.0",
    },
  ];
  for (const { name, head, want } of table) {
    it(`is told by ${name}: ${want}`, async () => {
      let asked = 0;
      const filter = definePlugin({ name: "filter", data: () => void asked++ });
      const bed = await openBed({ pipeline: pipeline(filter, routes) });
      const answer = await bed.send(["bob@example.org"], { content: head + CONTENT });
      assert.equal(short(answer), want);
      assert.match(answer.text, /\(ref [0-9a-z]{14}\)$/);
      assert.equal(bed.deliveries.length, want.startsWith("250") ? 1 : 0);
      assert.equal(asked, want.startsWith("250") ? 1 : 0);
      assert.equal(
        bed.last().entries.some((entry) => "event" in entry && entry.event === "loop"),
        want.startsWith("554"),
      );
    });
  }

  it("ends by our own count when what we send comes back to us again and again", async () => {
    const bed = await openBed({ pipeline: pipeline(routes) });
    let content: string | Uint8Array = CONTENT;
    const answers: string[] = [];
    for (let turn = 0; turn < 10 && !answers.includes("554 5.4.6"); turn++) {
      answers.push(short(await bed.send(["bob@example.org"], { content })));
      content = bed.deliveries.at(-1)!.content.bytes!;
    }
    assert.equal(answers.length, OWN_RECEIVED_FIELDS_MAX + 2);
    assert.equal(answers.at(-1), "554 5.4.6");
    assert.equal(
      text(content as Uint8Array).match(/by gate\.example \(Postern\)/g)?.length,
      OWN_RECEIVED_FIELDS_MAX + 1,
    );
  });
});

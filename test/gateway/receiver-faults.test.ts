/** A fault behind the final dot is one temporary answer for each RCPT, however many recipients came of them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, pipeline, routeTo } from "postern";
import { createMemorySpool } from "postern/testing";
import { SpoolFault } from "../../core/gateway/mod.ts";
import { CONTENT, forward, octets, openBed, reverse, short } from "./engine-bed.ts";
import { alias, at, openLmtpBed } from "./lmtp-bed.ts";
import { watched } from "./spool-engine-fixtures.ts";

const team = alias({ team: ["backend-1", "backend-2", "other"], solo: ["backend-1"] });

function fullSpool(code: "ENOSPC" | "EIO") {
  return watched(createMemorySpool({ durable: true }), () => {
    throw new SpoolFault(code, "no room");
  });
}

const routes = definePlugin({
  name: "routes",
  routes: true,
  route: (ctx) => routeTo(ctx.recipient.forwardPath.localPart.startsWith("other") ? "other" : "backend"),
});

const settings = (code: "ENOSPC" | "EIO" = "EIO") => ({
  pipeline: pipeline(team, routes),
  services: { spool: fullSpool(code) },
});

describe("MessageReceiver, where the spool fails", () => {
  const cases: readonly { name: string; to: readonly string[]; code?: "ENOSPC"; want: readonly string[] }[] =
    [
      { name: "one RCPT that an alias made three of", to: ["team"], want: ["451 4.3.0"] },
      { name: "and one beside it", to: ["team", "backend-3"], want: ["451 4.3.0", "451 4.3.0"] },
      {
        name: "and one before it, on a full disk",
        to: ["other", "team"],
        code: "ENOSPC",
        want: ["452 4.3.1", "452 4.3.1"],
      },
    ];
  for (const { name, to, code, want } of cases) {
    it(`by LMTP answers ${name} once`, async () => {
      const bed = await openLmtpBed(settings(code));
      assert.deepEqual(await bed.deliver(to.map(at)), want);
    });
    it(`by SMTP has as many answers for ${name}`, async () => {
      const bed = await openBed(settings(code));
      const session = bed.open();
      await session.ehlo("client.example");
      await session.mail(reverse("ann@example.com"), {});
      for (const name of to) await session.rcpt(forward(at(name)), {});
      const receiver = session.receive();
      await receiver.write(octets(CONTENT));
      const { answer, recipients } = await receiver.end();
      assert.equal(short(answer), want[0]);
      assert.deepEqual(recipients.map(short), want);
    });
  }
});

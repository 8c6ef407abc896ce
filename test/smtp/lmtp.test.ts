/** The replies of an LMTP listener to a message, whatever the engine answers. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Answer, ContentReceiver, MessageAnswer } from "../../core/gateway/mod.ts";
import { listen, ScriptedGateway, talk } from "./scripted-gateway.ts";

const taken: Answer = { kind: "accepted", enhanced: "2.0.0", text: "Taken" };
const full: Answer = { kind: "reject", enhanced: "5.2.2", text: "Full" };
const leave: Answer = { kind: "disconnect", enhanced: "", text: "Leave" };

/** Answers a message as a test tells it. */
class AnsweringGateway extends ScriptedGateway {
  readonly #end: () => Promise<MessageAnswer>;

  constructor(end: () => Promise<MessageAnswer>) {
    super();
    this.#end = end;
  }

  override openSession(start: Parameters<ScriptedGateway["openSession"]>[0]) {
    const session = super.openSession(start);
    const receive = (): ContentReceiver => ({ ...session.receive(), end: this.#end });
    return Object.create(session, {
      receive: { value: receive },
    }) as ReturnType<ScriptedGateway["openSession"]>;
  }
}

const answered = async (end: () => Promise<MessageAnswer>, kind: "lmtp" | "relay" = "lmtp") => {
  const listener = await listen(new AnsweringGateway(end), { kind });
  const lines = [
    ...[kind === "lmtp" ? "LHLO c" : "EHLO c", "MAIL FROM:<a@b.example>"],
    ...["RCPT TO:<c@d.example>", "RCPT TO:<e@d.example>", "DATA", "x", ".", "QUIT"],
  ];
  const octets = lines.map((line) => `${line}\r\n`).join("");
  const heard = await talk(listener.address.port, octets).finally(() => listener.close());
  return heard.slice(heard.indexOf("354")).trimEnd().split("\r\n").slice(1);
};

describe("an LMTP listener", () => {
  const cases: readonly { name: string; answer: MessageAnswer; want: readonly string[] }[] = [
    {
      name: "each its own",
      answer: { answer: taken, recipients: [taken, full] },
      want: ["250 2.0.0 Taken", "552 5.2.2 Full", "221 2.0.0 Bye"],
    },
    {
      name: "the one for all to those the engine has no own for",
      answer: { answer: full, recipients: [taken] },
      want: ["250 2.0.0 Taken", "552 5.2.2 Full", "221 2.0.0 Bye"],
    },
    {
      name: "and no more than there are recipients",
      answer: { answer: taken, recipients: [taken, taken, full] },
      want: ["250 2.0.0 Taken", "250 2.0.0 Taken", "221 2.0.0 Bye"],
    },
    {
      name: "451 for 421, which would end the session before the others have theirs",
      answer: { answer: leave, recipients: [leave, taken] },
      want: ["451 4.7.0 Leave", "250 2.0.0 Taken", "221 2.0.0 Bye"],
    },
  ];
  for (const { name, answer, want } of cases) {
    it(`tells recipients ${name}`, async () => {
      assert.deepEqual(await answered(async () => answer), want);
    });
  }

  it("tells each recipient of a fault of ours", async () => {
    assert.deepEqual(await answered(() => Promise.reject(new Error("broken"))), [
      "451 4.3.0 Internal error, try again later",
      "451 4.3.0 Internal error, try again later",
      "221 2.0.0 Bye",
    ]);
  });

  it("is the only one to do so: by SMTP there is one reply, and a 421 ends the session", async () => {
    const one = await answered(async () => ({ answer: leave, recipients: [taken, full] }), "relay");
    assert.deepEqual(one, ["421 4.7.0 Leave"]);
  });
});

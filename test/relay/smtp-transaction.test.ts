/** One transaction: what the next hop is asked for, what its answers mean, and answers that come out of step. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Delivery } from "../../core/gateway/next-hop-driver.ts";
import type { Content } from "../../core/mail/content.ts";
import { address, deliverTo, delivery, offering, streamed, summary } from "./relay-fixtures.ts";
import { ehloLines, type Script } from "./sink-server.ts";

const utf8Header = "Subject: \u00e9\r\n\r\na\r\n";
const utf8Body = "Subject: a\r\n\r\n\u00e9\r\n";

describe("what content asks of a next hop", () => {
  const mail = (commands: readonly string[]) => commands.find((command) => command.startsWith("MAIL"));
  for (const { name, offers, content, want } of [
    {
      name: "a header section that is not ASCII",
      offers: ["8BITMIME"],
      content: utf8Header,
      want: "rejected 550 5.6.7",
    },
    { name: "a body that is not ASCII", offers: ["SMTPUTF8"], content: utf8Body, want: "rejected 554 5.6.3" },
    {
      name: "a body that is not ASCII and no header section",
      offers: ["SMTPUTF8"],
      content: "\r\n\u00e9\r\n",
      want: "rejected 554 5.6.3",
    },
    {
      name: "more octets than SIZE",
      offers: ["SIZE 10"],
      content: "Subject: a\r\n",
      want: "rejected 552 5.3.4",
    },
  ]) {
    for (const inMemory of [true, false]) {
      it(`runTransaction gives ${want} for ${name}, ${inMemory ? "in memory" : "streamed"}`, async () => {
        const one = inMemory ? delivery(content) : delivery("", { content: streamed(content) });
        const { first, sink } = await deliverTo(offering(...offers), [one]);
        assert.deepEqual(summary(first), [want]);
        assert.equal(sink.messages.length, 0);
      });
    }
  }

  for (const { name, content, want } of [
    {
      name: "SMTPUTF8 and BODY for a header section that is not ASCII",
      content: utf8Header,
      want: " BODY=8BITMIME SMTPUTF8",
    },
    { name: "BODY for a body that is not ASCII", content: utf8Body, want: " BODY=8BITMIME" },
    { name: "nothing for ASCII", content: "Subject: a\r\n\r\na\r\n", want: "" },
  ]) {
    it(`mailCommand says ${name}`, async () => {
      const { first, sink } = await deliverTo(undefined, [delivery(content)]);
      assert.deepEqual(summary(first), ["delivered 250 2.0.0"]);
      assert.equal(
        mail(sink.commands),
        `MAIL FROM:<alice@a.example> SIZE=${Buffer.byteLength(content)}${want}`,
      );
      assert.equal(String(sink.messages[0]), content);
    });
  }

  it("contentNeeds finds the header section's end between two chunks", async () => {
    for (const at of [1, 2, 3, 5, 13, 14]) {
      const needs = [utf8Header, utf8Body, "\r\n\u00e9"].map((text) =>
        delivery("", { content: streamed(text, at) }),
      );
      const { sink } = await deliverTo(undefined, needs);
      const said = sink.commands
        .filter((command) => command.startsWith("MAIL"))
        .map((c) => c.includes("SMTPUTF8"));
      assert.deepEqual(said, [true, false, false], `chunks of ${at}`);
    }
  });

  it("parameters can not end their line", async () => {
    const [recipient] = delivery("").recipients;
    const parameters = { orcpt: "rfc822\r\nRSET;bob@b.example" };
    const one = {
      ...delivery("a\r\n", { parameters: { envid: "a\r\nRSET" } }),
      recipients: [{ ...recipient!, parameters }],
    };
    const { first, sink } = await deliverTo(undefined, [one]);
    assert.deepEqual(summary(first), ["delivered 250 2.0.0"]);
    assert.deepEqual(sink.commands.slice(1, 4), [
      "MAIL FROM:<alice@a.example> SIZE=3 ENVID=a+0D+0ARSET",
      "RCPT TO:<bob@b.example>",
      "DATA",
    ]);
  });

  it("content that can not be read is a tempfail, and nothing is said", async () => {
    const content: Content = {
      size: 10,
      // biome-ignore lint/correctness/useYield: it fails before
      async *read() {
        throw new Error("no such file");
      },
    };
    const { first, sink } = await deliverTo(undefined, [delivery("", { content })]);
    assert.deepEqual(summary(first), ["tempfailed 451 4.3.0"]);
    assert.ok(!sink.commands.some((command) => command.startsWith("MAIL")));
  });

  it("a domain that is not ASCII goes as A-labels, to servers without SMTPUTF8 too", async () => {
    const unicode = { ...address("bob@b\u00fccher.example"), domainAscii: "xn--bcher-kva.example" };
    const one: Delivery = {
      ...delivery("a\r\n"),
      reversePath: unicode,
      recipients: [{ forwardPath: unicode, parameters: {} }],
    };
    const { first, sink } = await deliverTo(offering("HELP"), [one]);
    assert.deepEqual(summary(first), ["delivered 250 2.0.0"]);
    assert.deepEqual(sink.commands.slice(1, 3), [
      "MAIL FROM:<bob@xn--bcher-kva.example>",
      "RCPT TO:<bob@xn--bcher-kva.example>",
    ]);
  });
});

describe("answers", () => {
  const at =
    (verb: string, answer: string | null): Script =>
    (command) =>
      command.startsWith(verb) ? answer : undefined;

  for (const { name, script, want } of [
    {
      name: "a greeting of 220 and 554",
      script: at("GREETING", "220-sink\r\n554 go away"),
      want: "tempfailed 451 4.3.5",
    },
    { name: "EHLO with 250 and 550", script: at("EHLO", "250-sink\r\n550 no"), want: "tempfailed 451 4.3.5" },
    {
      name: "MAIL with another code in the middle",
      script: at("MAIL", "250-a\r\n550-b\r\n250 c"),
      want: "tempfailed 451 4.5.0",
    },
    { name: "the end with 250 and 550", script: at(".", "250-a\r\n550 b"), want: "tempfailed 451 4.5.0" },
    {
      name: "354 and the final answer at once",
      script: at("DATA", "354 go\r\n250 taken"),
      want: "tempfailed 451 4.5.0",
    },
    { name: "354 and half a reply", script: at("DATA", "354 go\r\n250-x"), want: "tempfailed 451 4.5.0" },
    {
      name: "no valid recipient and 354 all the same",
      script: (c: string) => (c.startsWith("RCPT") ? "550 5.1.1 no" : undefined),
      want: "rejected 550 5.1.1",
    },
    { name: "DATA with 250", script: at("DATA", "250 ok"), want: "tempfailed 451 4.5.0" },
  ]) {
    it(`${name}: ${want}, no message, and a new connection for the next`, async () => {
      const { first, sink, results } = await deliverTo(script, [delivery("a\r\n"), delivery("b\r\n")]);
      assert.deepEqual(summary(first), [want]);
      assert.deepEqual(summary(results[1]!), [want]);
      assert.equal(sink.connections(), 2);
      assert.equal(sink.messages.length, name.startsWith("the end") ? 2 : 0);
    });
  }

  for (const offers of ["HELP", "CHUNKING"]) {
    it(`who was refused stays refused when the connection is lost behind it, and no copy is feared (${offers})`, async () => {
      const script: Script = (command) => {
        if (command.startsWith("EHLO")) return ehloLines.replace("250 DSN", `250-DSN\r\n250 ${offers}`);
        if (command.startsWith("RCPT")) return "550 5.1.1 no";
        return /^(?:DATA|BDAT)/.test(command) ? null : undefined;
      };
      const { first } = await deliverTo(script, [delivery("a\r\n")]);
      assert.deepEqual(summary(first), ["rejected 550 5.1.1"]);
      assert.equal(first.ended, "reply");
    });
  }

  it("a positive answer to RCPT delivers to nobody when that to MAIL could not be read", async () => {
    const { first, sink } = await deliverTo(at("MAIL", "rubbish"), [
      delivery("a\r\n", {}, ["b@b.example", "c@b.example"]),
    ]);
    assert.deepEqual(summary(first), Array(2).fill("tempfailed 451 4.5.0"));
    assert.equal(sink.messages.length, 0);
  });

  it("an answer that is there before its command is said ends the connection, where no command is out", async () => {
    const script: Script = (command) =>
      command.startsWith("MAIL") ? "250 ok\r\n250 ok" : offering("SIZE")(command, 1);
    const { first, sink } = await deliverTo(script, [delivery("a\r\n")]);
    assert.deepEqual(summary(first), ["tempfailed 451 4.4.2"]);
    assert.ok(!sink.commands.includes("DATA"));
  });

  for (const verb of ["MAIL", "RCPT"]) {
    it(`354 to ${verb} is out of step: the connection is given up`, async () => {
      const { results, sink } = await deliverTo(at(verb, "354 go"), [delivery("a\r\n"), delivery("b\r\n")]);
      assert.deepEqual(results.map(summary), [["tempfailed 451 4.5.0"], ["tempfailed 451 4.5.0"]]);
      assert.equal(sink.connections(), 2);
      assert.equal(sink.messages.length, 0);
    });
  }

  it("half a reply behind the final one ends the connection", async () => {
    const { results, sink } = await deliverTo(at(".", "250 2.0.0 ok\r\n250-more"), [
      delivery("a\r\n"),
      delivery("b\r\n"),
    ]);
    assert.deepEqual(results.map(summary), [["delivered 250 2.0.0"], ["delivered 250 2.0.0"]]);
    assert.equal(sink.connections(), 2);
  });

  it("552 to a further recipient without a reason of its own is 452, too many recipients (RFC 5321 4.5.3.1.10)", async () => {
    for (const [answer, want] of [
      ["552 too many", "tempfailed 452 4.5.3"],
      ["552 5.5.3 too many", "tempfailed 452 4.5.3"],
      ["552 5.2.2 mailbox full", "rejected 552 5.2.2"],
    ] as const) {
      const { first } = await deliverTo(at("RCPT TO:<c@", answer), [
        delivery("a\r\n", {}, ["b@b.example", "c@b.example"]),
      ]);
      assert.deepEqual(summary(first), ["delivered 250 2.0.0", want]);
    }
    const { first } = await deliverTo(at("RCPT", "552 full"), [delivery("a\r\n")]);
    assert.deepEqual(summary(first), ["rejected 552 5.0.0"]);
  });

  it("a server without PIPELINING is asked one command at a time", async () => {
    let unanswered = 0;
    const script: Script = (command) => {
      assert.equal(unanswered, 0, command);
      unanswered++;
      setImmediate(() => unanswered--);
      return offering("SIZE")(command, 1);
    };
    const { first } = await deliverTo(script, [delivery("a\r\n", {}, ["b@b.example", "c@b.example"])]);
    assert.deepEqual(summary(first), ["delivered 250 2.0.0", "delivered 250 2.0.0"]);
  });
});

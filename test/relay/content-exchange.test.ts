/** The content of a transaction by BDAT, and the answers of LMTP to it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deliverTo, delivery, goOn, offering, streamed, summary } from "./relay-fixtures.ts";
import { ehloLines, type Script } from "./sink-server.ts";

describe("CHUNKING (RFC 3030)", () => {
  const chunking =
    (further: Script = () => undefined): Script =>
    (command, n) =>
      command.startsWith("EHLO")
        ? ehloLines.replace("250 DSN", "250-DSN\r\n250 CHUNKING")
        : further(command, n);
  const two = ["b@b.example", "c@b.example"];

  it("BDAT with the content takes the place of DATA, and no dot is doubled", async () => {
    const text = ".a\r\n..\r\n.\r\nb";
    const { results, sink } = await deliverTo(chunking(), [
      delivery(text),
      delivery(text, {}, two),
      delivery(""),
    ]);
    assert.deepEqual(results.map(summary), [
      ["delivered 250 2.0.0"],
      Array(2).fill("delivered 250 2.0.0"),
      ["delivered 250 2.0.0"],
    ]);
    assert.deepEqual(sink.messages.map(String), [text, text, ""]);
    assert.ok(!sink.commands.includes("DATA"));
    assert.equal(sink.connections(), 1);
    assert.deepEqual(
      sink.commands.filter((command) => command.startsWith("BDAT")),
      ["BDAT 12 LAST", "BDAT 12 LAST", "BDAT 0 LAST"],
    );
  });

  it("streams in chunks, LAST with the last one", async () => {
    const text = `Subject: a\r\n\r\n${"x".repeat(200)}\r\n`;
    for (const at of [1000, 50]) {
      for (const ahead of [true, false]) {
        const script: Script = ahead ? chunking() : offering("CHUNKING");
        const { first, sink } = await deliverTo(script, [delivery("", { content: streamed(text, at) })]);
        assert.deepEqual(summary(first), ["delivered 250 2.0.0"]);
        assert.equal(String(sink.messages[0]), text);
        assert.equal(sink.commands.filter((command) => / LAST$/.test(command)).length, 1);
      }
    }
  });

  it("leaves no listener behind on a kept connection", async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on("warning", note);
    const many = Array.from({ length: 15 }, () =>
      delivery("", { content: streamed("Subject: a\r\n\r\na\r\n") }),
    );
    for (const script of [chunking(), undefined]) {
      const { sink } = await deliverTo(script, many);
      assert.equal(sink.connections(), 1);
    }
    // Warnings are told a turn later.
    await new Promise((resolve) => setImmediate(resolve));
    process.removeListener("warning", note);
    assert.deepEqual(warnings, []);
  });

  it("one recipient that is refused is not delivered to, though the content is there already", async () => {
    const script = chunking((command) => (command.startsWith("RCPT") ? "550 5.1.1 no" : undefined));
    const { first, sink } = await deliverTo(script, [delivery("a\r\n")]);
    assert.deepEqual(summary(first), ["rejected 550 5.1.1"]);
    assert.equal(sink.messages.length, 0);
    assert.ok(sink.commands.includes("RSET"));
  });

  it("proceed is asked before anything of the content leaves", async () => {
    const options = { ...goOn(), proceed: () => false };
    const { first, sink } = await deliverTo(chunking(), [delivery("a\r\n")], {}, options);
    assert.deepEqual(summary(first), ["aside 451 4.4.0"]);
    assert.ok(!sink.commands.some((command) => command.startsWith("BDAT")));
    assert.equal(sink.messages.length, 0);
  });

  it("a chunk that is refused ends it with that answer, and the connection", async () => {
    let chunks = 0;
    const script = chunking((command) =>
      command.startsWith("BDAT") && ++chunks === 2 ? "552 5.3.4 too big" : undefined,
    );
    const content = streamed("x".repeat(1000), 10);
    const { first, sink } = await deliverTo(script, [delivery("", { content })]);
    assert.deepEqual(summary(first), ["rejected 552 5.3.4"]);
    assert.equal(sink.messages.length, 0);
  });

  for (const [name, announced] of [
    ["shorter", 11],
    ["longer", 9],
  ] as const) {
    it(`content that is ${name} than it says never gets its LAST`, async () => {
      const content = { ...streamed("0123456789", 3), size: announced };
      const { first, sink } = await deliverTo(chunking(), [delivery("", { content })]);
      assert.deepEqual(summary(first), ["tempfailed 451 4.3.0"]);
      assert.ok(!sink.commands.some((command) => / LAST$/.test(command)));
      assert.equal(sink.messages.length, 0);
    });
  }

  it("no answer to BDAT is lost, and a kept connection that was closed is replaced", async () => {
    const lost = await deliverTo(
      chunking((command) => (command.startsWith("BDAT") ? null : undefined)),
      [delivery("a\r\n")],
    );
    assert.equal(lost.first.ended, "lost");
    assert.deepEqual(summary(lost.first), ["tempfailed 451 4.4.2"]);
    let mails = 0;
    const closed = await deliverTo(
      chunking((command) => (command.startsWith("MAIL") && ++mails === 2 ? null : undefined)),
      [delivery("a\r\n"), delivery("b\r\n")],
    );
    assert.deepEqual(closed.results.map(summary), [["delivered 250 2.0.0"], ["delivered 250 2.0.0"]]);
    assert.deepEqual(closed.sink.messages.map(String), ["a\r\n", "b\r\n"]);
  });
});

describe("LMTP (RFC 2033)", () => {
  const three = ["a@b.example", "b@b.example", "c@b.example"];
  const lmtp = (script: Script | undefined, to = three) =>
    deliverTo(script, [delivery("a\r\n", {}, to), delivery("b\r\n", {}, to)], { protocol: "lmtp" });

  it("says LHLO, and gives each recipient its own answer after the content", async () => {
    const script: Script = (command) => {
      if (command.startsWith("RCPT TO:<b@")) return "550 5.1.1 no";
      return command === ".1" ? "452 4.2.2 full" : undefined;
    };
    const { results, sink } = await lmtp(script);
    for (const result of results) {
      assert.deepEqual(summary(result), [
        "delivered 250 2.0.0",
        "rejected 550 5.1.1",
        "tempfailed 452 4.2.2",
      ]);
      assert.equal(result.ended, "reply");
    }
    assert.equal(sink.commands[0], "LHLO gw.example");
    assert.equal(sink.connections(), 1);
    assert.equal(sink.messages.length, 2);
  });

  it("keeps the answers that came when the connection is lost between them", async () => {
    const { first } = await lmtp((command) => (command === ".1" ? null : undefined));
    assert.equal(first.ended, "lost");
    assert.deepEqual(summary(first), ["delivered 250 2.0.0", "tempfailed 451 4.4.2", "tempfailed 451 4.4.2"]);
  });

  it("takes a repeated recipient for one of its own", async () => {
    const script: Script = (command) => (command === ".1" ? "550 5.7.1 no" : undefined);
    const { first } = await lmtp(script, ["a@b.example", "a@b.example"]);
    assert.deepEqual(summary(first), ["delivered 250 2.0.0", "rejected 550 5.7.1"]);
  });

  it("never falls back to HELO, and uses DATA where CHUNKING is offered", async () => {
    const { first, sink } = await lmtp((command) => (command.startsWith("LHLO") ? "500 what" : undefined));
    assert.equal(first.ended, "us");
    assert.ok(sink.commands.every((command) => command.startsWith("LHLO")));
    const chunked = await lmtp((c) => (c.startsWith("LHLO") ? "250-sink\r\n250 CHUNKING" : undefined));
    assert.ok(chunked.sink.commands.includes("DATA"));
    assert.deepEqual(summary(chunked.first), Array(3).fill("delivered 250 2.0.0"));
  });
});

/** The short text of the log on a terminal: what clients send can neither drive it nor pass for another field. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import fc from "fast-check";
import { textLog } from "../../core/cli/log.ts";
import type { LogFields } from "../../core/pipeline/mod.ts";

const LOG_FILE = new URL("../../core/cli/log.ts", import.meta.url).href;

function lineOf(fields: LogFields, level: "debug" | "info" | "warn" | "error" = "info"): string {
  const lines: string[] = [];
  textLog((line) => lines.push(line))[level]("delivered", fields);
  assert.ok(lines.length <= 1);
  return (lines[0] ?? "").replace(/^\d\d:\d\d:\d\d /, "");
}

describe("textLog", () => {
  const cases: readonly { readonly name: string; readonly input: LogFields; readonly want: string }[] = [
    { name: "no fields", input: {}, want: "delivered\n" },
    {
      name: "a text, a number, a flag and null",
      input: { ref: "a1", ms: 12, last: true, error: null },
      want: "delivered ref=a1 ms=12 last=true error=null\n",
    },
    {
      name: "absent and empty fields, left out",
      input: { a: undefined, b: "", c: "x" },
      want: "delivered c=x\n",
    },
    {
      name: "a text with space, which could pass for another field",
      input: { reply: "250 ok ref=b2" },
      want: 'delivered reply="250 ok ref=b2"\n',
    },
    { name: "a text with quotes", input: { helo: 'a"b' }, want: 'delivered helo="a\\"b"\n' },
    { name: "a text with the sign of a field", input: { helo: "x=y" }, want: 'delivered helo="x=y"\n' },
    { name: "a list", input: { to: ["a@b", "c@d"] }, want: "delivered to=a@b,c@d\n" },
    {
      name: "a control sequence of terminals",
      input: { helo: "\u001b]0;title\u0007\u001b[2J" },
      want: "delivered helo=?]0;title??[2J\n",
    },
    { name: "a C1 control", input: { helo: "\u009b2J" }, want: "delivered helo=?2J\n" },
    { name: "line ends", input: { helo: "a\r\nb" }, want: "delivered helo=a??b\n" },
    { name: "line ends of Unicode", input: { helo: "a\u2028b\u2029" }, want: "delivered helo=a?b?\n" },
    {
      name: "text that turns its direction",
      input: { path: "\u202egro.elpmaxe@a" },
      want: "delivered path=?gro.elpmaxe@a\n",
    },
    {
      name: "marks that are not seen",
      input: { path: "a\u200bb\ufeffc\u200f" },
      want: "delivered path=a?b?c?\n",
    },
  ];
  for (const { name, input, want } of cases) {
    it(`shows ${name}`, () => assert.equal(lineOf(input), want));
  }

  it("names warnings and errors, and leaves debug out", () => {
    assert.equal(lineOf({}, "warn"), "warning: delivered\n");
    assert.equal(lineOf({}, "error"), "error: delivered\n");
    assert.equal(lineOf({}, "debug"), "");
  });

  it("gives one line without controls, with each field where it was, for any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const line = lineOf({ helo: text, end: 1 });
        assert.match(line, /^delivered (?:helo=(?:[^\s"=]+|"(?:[^"\\]|\\.)*") )?end=1\n$/);
        assert.doesNotMatch(line.slice(0, -1), /\p{Cc}|[\u2028\u2029]|\p{Bidi_Control}/u);
      }),
    );
  });

  it("bounds what one field takes", () => {
    assert.ok(lineOf({ helo: "a".repeat(1_000_000) }).length < 2_100);
  });
});

describe("createLog without a terminal", () => {
  const run = (body: string): string[] => {
    const source = `import { createLog } from ${JSON.stringify(LOG_FILE)}; const log = await createLog(false); ${body}`;
    const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", source], {
      encoding: "utf8",
    });
    return stdout.split("\n").filter((line) => line !== "");
  };

  it("writes each event as a JSON line with time, level and fields, also when the process ends at once", () => {
    const [line, ...more] = run(`log.info("delivered", { ref: "a1", ms: 3 }); process.exit(0);`);
    const { level, time, ...rest } = JSON.parse(line ?? "");
    assert.deepEqual([level, rest], [30, { ref: "a1", ms: 3, event: "delivered" }]);
    assert.ok(!Number.isNaN(Date.parse(time)));
    assert.deepEqual(more, []);
  });

  it("writes a warning, and all before it, before the process can be killed", () => {
    const lines = run(`log.info("first"); log.warn("second"); process.kill(process.pid, "SIGKILL");`);
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).event),
      ["first", "second"],
    );
  });

  it("lets no event wait for others for long", () => {
    const lines = run(`log.info("alone"); setTimeout(() => process.kill(process.pid, "SIGKILL"), 2000);`);
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).event),
      ["alone"],
    );
  });
});

/** Hidden characters, a Punycode encoder that encodes anything, and strings near to addresses. */
import fc from "fast-check";

/** One of each kind that no address may hold. */
export const HIDDEN_POINTS = [
  { name: "a C0 control", text: "\u0001" },
  { name: "a tab", text: "\t" },
  { name: "DEL", text: "\u007f" },
  { name: "a C1 control", text: "\u0085" },
  { name: "a no-break space", text: "\u00a0" },
  { name: "a soft hyphen", text: "\u00ad" },
  { name: "the combining grapheme joiner", text: "\u034f" },
  { name: "the Arabic letter mark", text: "\u061c" },
  { name: "a Hangul filler", text: "\u115f" },
  { name: "the Mongolian vowel separator", text: "\u180e" },
  { name: "an em space", text: "\u2003" },
  { name: "a zero-width space", text: "\u200b" },
  { name: "a zero-width joiner", text: "\u200d" },
  { name: "a right-to-left mark", text: "\u200f" },
  { name: "a line separator", text: "\u2028" },
  { name: "a right-to-left override", text: "\u202e" },
  { name: "an invisible times", text: "\u2062" },
  { name: "an isolate", text: "\u2066" },
  { name: "a Braille blank", text: "\u2800" },
  { name: "an ideographic space", text: "\u3000" },
  { name: "the Hangul filler", text: "\u3164" },
  { name: "private use", text: "\ue000" },
  { name: "a variation selector", text: "\ufe0f" },
  { name: "a byte order mark", text: "\ufeff" },
  { name: "a noncharacter", text: "\uffff" },
  { name: "what is not assigned", text: "\u0378" },
  { name: "a tag", text: "\u{e0061}" },
  { name: "a variation selector of the last planes", text: "\u{e0100}" },
  { name: "private use of the last plane", text: "\u{10fffd}" },
  { name: "the sign of broken UTF-8", text: "\ufffd" },
  { name: "the half of a pair", text: "\ud800" },
] as const;

/** Whether a code point is one of them, told by ranges and not by the expression under test. */
export function hiddenPoint(point: number): boolean {
  const ranges = [
    ...[0, 0x1f, 0x7f, 0xa0, 0xad, 0xad, 0x34f, 0x34f, 0x378, 0x379, 0x61c, 0x61c, 0x115f, 0x1160],
    ...[0x1680, 0x1680, 0x17b4, 0x17b5, 0x180b, 0x180f, 0x2000, 0x200f, 0x2028, 0x202f, 0x205f, 0x206f],
    ...[0x2800, 0x2800, 0x3000, 0x3000, 0x3164, 0x3164, 0xd800, 0xf8ff, 0xfdd0, 0xfdef, 0xfe00, 0xfe0f],
    ...[0xfeff, 0xfeff, 0xffa0, 0xffa0, 0xfff0, 0xfffb, 0xfffd, 0xffff, 0xe0000, 0x10ffff],
  ];
  return ranges.some((from, at) => at % 2 === 0 && point >= from && point <= (ranges[at + 1] ?? from));
}

/** RFC 3492 6.3, of anything: no label is refused, and a half of a pair is a code point of its own. */
export function toPunycode(label: string): string {
  const points = [...label].map((one) => one.codePointAt(0) ?? 0);
  const basic = points.filter((point) => point < 128);
  let out = String.fromCodePoint(...basic) + (basic.length > 0 ? "-" : "");
  let [from, delta, bias, done] = [128, 0, 72, basic.length];
  while (done < points.length) {
    const next = Math.min(...points.filter((point) => point >= from));
    delta += (next - from) * (done + 1);
    from = next;
    for (const point of points) {
      if (point < from) delta += 1;
      if (point !== from) continue;
      out += variableLength(delta, bias);
      bias = adapted(delta, done + 1, done === basic.length);
      delta = 0;
      done += 1;
    }
    delta += 1;
    from += 1;
  }
  return out;
}

function variableLength(delta: number, bias: number): string {
  const digit = (n: number) => String.fromCharCode(n < 26 ? n + 97 : n + 22);
  let out = "";
  let rest = delta;
  for (let k = 36; ; k += 36) {
    const threshold = Math.min(26, Math.max(1, k - bias));
    if (rest < threshold) return out + digit(rest);
    out += digit(threshold + ((rest - threshold) % (36 - threshold)));
    rest = Math.floor((rest - threshold) / (36 - threshold));
  }
}

function adapted(delta: number, length: number, first: boolean): number {
  let rest = first ? Math.floor(delta / 700) : Math.floor(delta / 2);
  rest += Math.floor(rest / length);
  let k = 0;
  for (; rest > 455; k += 36) rest = Math.floor(rest / 35);
  return k + Math.floor((36 * rest) / (rest + 38));
}

const pieces = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom("a", "b", "Z", "9", "-", "_", "+", "ü", "д", "中", "é", "\u{1f600}"),
  },
  { weight: 2, arbitrary: fc.constantFrom(".", ".", "..", " ", '"', "\\", "@", "<", ">", "%", ",", ":") },
  { weight: 1, arbitrary: fc.constantFrom(...HIDDEN_POINTS.map(({ text }) => text)) },
);
const piecesOf = (maxLength: number) => fc.array(pieces, { maxLength }).map((parts) => parts.join(""));
const encodedLabel = piecesOf(4).map((text) => `xn--${toPunycode(`ü${text.replaceAll(".", "")}`)}`);
const domain = fc.oneof(
  fc.constantFrom("b.example", "bücher.example", "[192.0.2.1]", "[IPv6:2001:db8::1]", "b_c.example."),
  piecesOf(6).map((label) => `${label}.example`),
  encodedLabel.map((label) => `${label}.example`),
);
const localPart = fc.oneof(
  piecesOf(6),
  piecesOf(6).map((text) => `"${text.replace(/["\\]/g, "\\$&")}"`),
);

/** Paths in brackets, and not, that parse or nearly do. */
export const nearAddress = fc
  .tuple(localPart, domain, fc.constantFrom("<>", "<>", "<>", "", "<<>>", "< >"))
  .map(([local, name, brackets]) => {
    const half = brackets.length / 2;
    const [open, close] = brackets === "< >" ? ["< ", " >"] : [brackets.slice(0, half), brackets.slice(half)];
    return `${open}${local}@${name}${close}`;
  });

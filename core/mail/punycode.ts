/** Decodes Punycode (RFC 3492 6.2), the inside of A-labels. Whether the result is a good label is asked elsewhere. */

/** The text of an A-label's part after "xn--", in lower case; undefined when it does not decode. */
export function decodePunycode(text: string): string | undefined {
  const dash = text.lastIndexOf("-");
  const out = dash > 0 ? [...text.slice(0, dash)] : [];
  let point = 128;
  let bias = 72;
  let index = 0;
  let at = dash > 0 ? dash + 1 : 0;
  while (at < text.length) {
    const before = index;
    let weight = 1;
    for (let k = 36; ; k += 36) {
      const digit = digitOf(text.charCodeAt(at++));
      if (digit === undefined) return undefined;
      index += digit * weight;
      if (index > 0x7fffffff) return undefined;
      const threshold = Math.min(26, Math.max(1, k - bias));
      if (digit < threshold) break;
      weight *= 36 - threshold;
    }
    const length = out.length + 1;
    bias = adapt(index - before, length, before === 0);
    point += Math.floor(index / length);
    index %= length;
    // Two halves beside each other would make a character that nobody encoded.
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return undefined;
    out.splice(index++, 0, String.fromCodePoint(point));
  }
  return out.join("");
}

/** NaN, past the end, is no digit. */
function digitOf(unit: number): number | undefined {
  if (unit >= 97 && unit <= 122) return unit - 97;
  if (unit >= 48 && unit <= 57) return unit - 22;
  return undefined;
}

function adapt(delta: number, length: number, first: boolean): number {
  let rest = first ? Math.floor(delta / 700) : delta >> 1;
  rest += Math.floor(rest / length);
  let k = 0;
  for (; rest > 455; k += 36) rest = Math.floor(rest / 35);
  return k + Math.floor((36 * rest) / (rest + 38));
}

/** The colours of the page against each other, in both schemes: WCAG 2.2 success criterion 1.4.3. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { pageStyle } from "../../core/http/page-style.ts";

const CONTRAST_MIN = 4.5;
const colours = new Map<string, readonly [light: string, dark: string]>();
for (const [, name, light, dark] of pageStyle.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);/g))
  colours.set(name as string, [light as string, dark as string]);

/** Relative luminance, as WCAG defines it. */
function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

const pairs: readonly (readonly [ink: string, paper: string])[] = [
  ...["ink", "quiet", "accent"].flatMap((ink) =>
    ["paper", "card", "accent-back"].map((back) => [ink, back] as const),
  ),
  ...["good", "bad", "waiting"].flatMap((tone) =>
    [`${tone}-back`, "card"].map((back) => [tone, back] as const),
  ),
  ["quiet", "plain-back"],
];

for (const [ink, paper] of pairs) {
  for (const scheme of [0, 1] as const) {
    test(`pageStyle: ${ink} can be read on ${paper} in the ${["light", "dark"][scheme]} scheme`, () => {
      const [a, b] = [colours.get(ink)?.[scheme], colours.get(paper)?.[scheme]];
      assert.ok(a && b);
      assert.ok(contrast(a, b) >= CONTRAST_MIN, `${contrast(a, b).toFixed(2)} to 1`);
    });
  }
}

test("pageStyle loads nothing", () => {
  assert.doesNotMatch(pageStyle, /url\(|@import|@font-face/);
});

/** What a table of a config's keys is made of, and the test of each row. */
import assert from "node:assert/strict";
import { it } from "node:test";
import type { GatewayConfig } from "../../core/config/mod.ts";
import { linesOf, resolveLoose, settings } from "./resolve-fixtures.ts";

/** One key of a config. */
export interface Key {
  readonly path: string;
  /** A config with this value there; `undefined` leaves the key out. */
  readonly at: (value: unknown) => object;
  readonly read: (config: GatewayConfig) => unknown;
  readonly default: unknown;
  /** What is written, and what it becomes. */
  readonly takes: readonly (readonly [unknown, unknown])[];
  readonly refuses: readonly unknown[];
  readonly expected: string;
}

/** A key in one of the objects of a config. */
export const inside = (outer: "limits" | "trace", key: string, read: (config: GatewayConfig) => unknown) => ({
  path: `${outer}.${key}`,
  at: (value: unknown) => ({ [outer]: given(key, value) }),
  read,
});

/** A key with its value, or none. */
export const given = (key: string, value: unknown): object => (value === undefined ? {} : { [key]: value });

export const DURATION = 'milliseconds, or "5s", "2m", "4h"';

/** Tests that a key has its default, takes what is right, and refuses the rest with its path and what was expected. */
export function testKey(key: Key): void {
  const { path, at, read, takes, refuses, expected } = key;
  const first = JSON.stringify(refuses[0]);
  it(`${path} has its default, takes what is right, refuses ${first} and the like`, async () => {
    assert.deepEqual(read(await resolveLoose(settings(at(undefined)))), key.default);
    for (const [value, want] of takes) {
      const config = await resolveLoose(settings(at(value)));
      assert.deepEqual(read(config), want, JSON.stringify(value));
    }
    for (const value of refuses) {
      const lines = await linesOf(settings(at(value)));
      const of = lines.filter((line) => line.startsWith(`${path}: `) && line.includes("expected"));
      assert.equal(of.length, 1, `${JSON.stringify(value)}: ${lines.join(" | ")}`);
      assert.ok(of[0]?.includes(`, expected ${expected}`), of[0]);
    }
  });
}

/** The keys of a next hop's retry: the values they take and what becomes of them, and those they refuse. */
import { type GatewayConfig, RETRY_CLASSES, type RetryOptions, smtp } from "../../core/config/mod.ts";
import { given, type Key } from "./schema-keys.ts";

const hop = (retry: unknown) => ({ nextHops: { backend: smtp({ host: "127.0.0.1", retry } as never) } });
const retryOf = ({ nextHops }: GatewayConfig) => (nextHops.backend as { retry?: RetryOptions }).retry;
const key = (name: string) => ({
  path: `nextHops.backend.retry.${name}`,
  at: (value: unknown) => hop(given(name, value)),
  read: (config: GatewayConfig) => (retryOf(config) as Record<string, unknown>)[name],
});
const SPAN = ': milliseconds, or "5m", "4h", "5d"';
const WAIT = { refuses: ["soon", 999, "8d", true], expected: `a duration from 1s to 7d${SPAN}` };

/** Every key of retry. */
export const RETRY_KEYS: readonly Key[] = [
  {
    path: "nextHops.backend.retry",
    at: (value) => hop(value),
    read: retryOf,
    default: undefined,
    takes: [[{}, {}]],
    refuses: ["5m", null],
    expected: "an object with first, max, factor, giveUp, warn, on",
  },
  { ...key("first"), default: undefined, takes: [["1s", "1s"]], ...WAIT },
  { ...key("max"), default: undefined, takes: [["7d", "7d"]], ...WAIT },
  {
    ...{
      ...key("factor"),
      default: undefined,
      takes: [
        [1, 1],
        [1.5, 1.5],
      ],
    },
    ...{ refuses: [0.9, 11, "2"], expected: "a number from 1 to 10" },
  },
  {
    ...{ ...key("giveUp"), default: undefined, takes: [["2d", "2d"]] },
    ...{ refuses: [1_000, "61d", false], expected: `a duration from 1m to 60d${SPAN}` },
  },
  {
    ...{
      ...key("warn"),
      default: undefined,
      takes: [
        ["1h", "1h"],
        [false, false],
      ],
    },
    ...{ refuses: [0, "61d", true], expected: `a duration from 1s to 60d${SPAN}; or false` },
  },
  {
    ...{ ...key("on"), default: undefined, takes: [[{ lost: {} }, { lost: {} }]] },
    ...{ refuses: ["lost"], expected: `an object with ${RETRY_CLASSES.join(", ")}` },
  },
  ...RETRY_CLASSES.flatMap((name): Key[] => [
    {
      path: `nextHops.backend.retry.on.${name}`,
      at: (value) => hop({ on: given(name, value) }),
      read: (config) => retryOf(config)?.on?.[name],
      default: undefined,
      takes: [[{ first: "1m" }, { first: "1m" }]],
      refuses: ["1m"],
      expected: "an object with first, max",
    },
    ...(["first", "max"] as const).map((which) => ({
      path: `nextHops.backend.retry.on.${name}.${which}`,
      at: (value: unknown) => hop({ on: { [name]: given(which, value) } }),
      read: (config: GatewayConfig) => retryOf(config)?.on?.[name]?.[which],
      default: undefined,
      takes: [["20m", "20m"] as const],
      ...WAIT,
    })),
  ]),
];

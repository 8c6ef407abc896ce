/** The keys of limits: the values they take and what becomes of them, and those they refuse. */
import { DURATION, inside, type Key } from "./schema-keys.ts";

const DAY_MS = 86_400_000;

/** Every key of limits. */
export const LIMIT_KEYS: readonly Key[] = [
  {
    ...inside("limits", "messageBytesMax", (config) => config.limits.messageBytesMax),
    default: 50 * 2 ** 20,
    takes: [
      [1024, 1024],
      ["64KB", 65_536],
      ["1.5MB", 1_572_864],
      ["1GB", 2 ** 30],
    ],
    refuses: [1023, 0, -1, 1.5, "50 MB", "50mb", "MB", Number.NaN, Infinity, null],
    expected: 'a size of at least 1KB: octets, or "64KB", "50MB", "1GB"',
  },
  {
    ...inside("limits", "recipientsMax", (config) => config.limits.recipientsMax),
    default: 1000,
    takes: [[1, 1]],
    refuses: [0, 100_001, 1.5, "5"],
    expected: "a whole number from 1 to 100000",
  },
  {
    ...inside("limits", "sessionsMax", (config) => config.limits.sessionsMax),
    default: 1000,
    takes: [[100_000, 100_000]],
    refuses: [0, 100_001, "5"],
    expected: "a whole number from 1 to 100000",
  },
  {
    ...inside("limits", "idle", (config) => config.limits.idleMs),
    default: 300_000,
    takes: [
      ["1s", 1000],
      ["1d", DAY_MS],
      ["0.5h", 1_800_000],
    ],
    refuses: ["999ms", "2d", "", "1w", {}],
    expected: `a duration from 1s to 1d: ${DURATION}`,
  },
  {
    ...inside("limits", "sessionsPerClientMax", (config) => config.limits.sessionsPerClientMax),
    default: 50,
    takes: [[1, 1]],
    refuses: [0, 100001, 1.5, "5"],
    expected: "a whole number from 1 to 100000",
  },
  {
    ...inside("limits", "messagesPerSessionMax", (config) => config.limits.messagesPerSessionMax),
    default: 1000,
    takes: [[1, 1]],
    refuses: [0, 10000001, 1.5, "5"],
    expected: "a whole number from 1 to 10000000",
  },
  {
    ...inside("limits", "commandsPerMessageMax", (config) => config.limits.commandsPerMessageMax),
    default: 200,
    takes: [[10, 10]],
    refuses: [9, 1000001, 1.5, "5"],
    expected: "a whole number from 10 to 1000000",
  },
  {
    ...inside("limits", "failedCommandsMax", (config) => config.limits.failedCommandsMax),
    default: 20,
    takes: [[1, 1]],
    refuses: [0, 100001, 1.5, "5"],
    expected: "a whole number from 1 to 100000",
  },
  {
    ...inside("limits", "unknownRecipientsMax", (config) => config.limits.unknownRecipientsMax),
    default: 100,
    takes: [[1, 1]],
    refuses: [0, 100001, 1.5, "5"],
    expected: "a whole number from 1 to 100000",
  },
  {
    ...inside("limits", "authFailuresMax", (config) => config.limits.authFailuresMax),
    default: 5,
    takes: [[3, 3]],
    refuses: [0, 101, 1.5, "5"],
    expected: "a whole number from 1 to 100",
  },
  {
    ...inside("limits", "authFailuresPerClientMax", (config) => config.limits.authFailuresPerClientMax),
    default: 100,
    takes: [[1, 1]],
    refuses: [0, 100001, 1.5, "5"],
    expected: "a whole number from 1 to 100000",
  },
  {
    ...inside("limits", "authFailuresKept", (config) => config.limits.authFailuresKeptMs),
    default: 3600000,
    takes: [
      ["1m", 60_000],
      ["7d", 7 * DAY_MS],
    ],
    refuses: ["59s", "8d", "soon"],
    expected: `a duration from 1m to 7d: ${DURATION}`,
  },
  {
    ...inside("limits", "contentBytesPerSecondMin", (config) => config.limits.contentBytesPerSecondMin),
    default: 100,
    takes: [[0, 0]],
    refuses: [-1, 1000001, 1.5, "5"],
    expected: "a whole number from 0 to 1000000",
  },
  {
    ...inside("limits", "dns", (config) => config.limits.dnsMs),
    default: 9_000,
    takes: [
      ["100ms", 100],
      ["1m", 60_000],
    ],
    refuses: ["99ms", "61s", 0, "soon"],
    expected: `a duration from 100ms to 1m: ${DURATION}`,
  },
  {
    ...inside("limits", "authDelay", (config) => config.limits.authDelayMs),
    default: 1000,
    takes: [
      [0, 0],
      ["30s", 30_000],
    ],
    refuses: ["31s", -1, "soon"],
    expected: `a duration up to 30s: ${DURATION}`,
  },
  {
    ...inside("limits", "session", (config) => config.limits.sessionMs),
    default: 3600000,
    takes: [
      ["1s", 1000],
      ["1d", DAY_MS],
    ],
    refuses: ["999ms", "2d", {}],
    expected: `a duration from 1s to 1d: ${DURATION}`,
  },
  {
    ...inside("limits", "message", (config) => config.limits.messageMs),
    default: 3600000,
    takes: [
      ["1s", 1000],
      ["1d", DAY_MS],
    ],
    refuses: ["999ms", "2d", {}],
    expected: `a duration from 1s to 1d: ${DURATION}`,
  },
  {
    ...inside("limits", "lineBytesMax", (config) => config.limits.lineBytesMax),
    default: 16_384,
    takes: [["2KB", 2048]],
    refuses: [2047, "1KB", "64kb"],
    expected: 'a size of at least 2KB: octets, or "64KB", "50MB", "1GB"',
  },
];

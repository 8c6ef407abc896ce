/** The targets of the project that scenarios are held against. */
import type { Figures } from "./scenario.ts";

/** One target, and what came of it. */
export interface Verdict {
  readonly target: string;
  readonly found: string;
  /** Absent where it could not be measured here; `found` says why. */
  readonly met?: boolean;
}

/** A ratio of two contenders of one scenario. */
interface Target {
  readonly part: string;
  readonly of: string;
  readonly to: string;
  readonly figure: "perSecond" | "cpuUsPerMessage";
  readonly least?: number;
  readonly most?: number;
  /** What "of" does, in words. */
  readonly target: string;
}

const TARGETS: readonly Target[] = [
  rate("1kb-kept", "plugins", "baseline", 0.7),
  rate("10mb-kept", "plugins", "baseline", 0.8),
  rate("1kb-kept", "empty", "baseline", 1.6),
  rate("100kb-kept", "empty", "baseline", 1.6),
  rate("1kb-kept", "empty", "postfix", 2.5),
  rate("100kb-kept", "empty", "postfix", 1.8),
  rate("1kb-new", "empty", "postfix", 1),
  cpu("10mb-kept", "empty", "baseline", 0.25),
  cpu("100kb-dots", "dots", "text", 2),
  cpu("10mb-dots", "dots", "text", 2),
];

function rate(part: string, of: string, to: string, least: number): Target {
  const target = `${part}: messages/s of ${of} at least ${least} times those of ${to}`;
  return { part, of, to, figure: "perSecond", least, target };
}

function cpu(part: string, of: string, to: string, most: number): Target {
  const target = `${part}: CPU of ${of} at most ${most} times that of ${to}`;
  return { part, of, to, figure: "cpuUsPerMessage", most, target };
}

/** The verdicts on one scenario. @param missing by contender that was left out, why */
export function judge(
  part: string,
  figures: readonly Figures[],
  missing: ReadonlyMap<string, string>,
): readonly Verdict[] {
  return TARGETS.filter((target) => target.part === part).map(
    ({ of, to, figure, least = 0, most = Infinity, target }) => {
      const [above, below] = [of, to].map((name) => figures.find((each) => each.name === name)?.[figure]);
      if (above === undefined || below === undefined)
        return { target, found: `no ${to} here: ${missing.get(to) ?? "not measured"}` };
      const ratio = above / below;
      return { target, found: ratio.toFixed(2), met: ratio >= least && ratio <= most };
    },
  );
}

/** A line of the report. */
export function lineOf({ target, found, met }: Verdict): string {
  const word = met === undefined ? "no word" : met ? "met    " : "MISSED ";
  return `${word}  ${target}: ${found}`;
}

/** The figures as text. */
import type { Figures, Scenario } from "./scenario.ts";

/** "1 KB, kept sessions". */
export function titleOf({ messageBytes, kept, sessions, chunking }: Scenario): string {
  const how = kept ? "kept sessions" : "a session for each message";
  const to = chunking ? "" : ", to a next hop without CHUNKING";
  return `${sizeOf(messageBytes)}, ${sessions} at once, ${how}${to}`;
}

function sizeOf(bytes: number): string {
  return bytes >= 1e6 ? `${bytes / 1e6} MB` : `${bytes / 1e3} KB`;
}

/** A table of one scenario; behind each figure is how many times that of the first contender it is. */
export function tableOf(figures: readonly Figures[]): string {
  const base = figures[0];
  const rows = figures.map((each) => [
    each.name,
    each.perSecond.toFixed(each.perSecond < 100 ? 1 : 0),
    percent(each.perSecondSpread),
    base ? (each.perSecond / base.perSecond).toFixed(2) : "",
    cpu(each.cpuUsPerMessage),
    percent(each.cpuSpread),
    base ? (each.cpuUsPerMessage / base.cpuUsPerMessage).toFixed(2) : "",
    `${(each.rssPeakBytes / 1e6).toFixed(0)} MB`,
    String(each.failed),
  ]);
  const ratio = `of ${base?.name ?? ""}`;
  const columns = ["", "messages/s", "±", ratio, "CPU/message", "±", ratio, "peak RSS", "failed"];
  const all = [columns, ...rows];
  const widths = columns.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)));
  return all
    .map((row) =>
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  "),
    )
    .map((line) => `  ${line.trimEnd()}`)
    .join("\n");
}

const percent = (part: number): string => `${(part * 100).toFixed(0)} %`;

function cpu(us: number): string {
  return us >= 10_000 ? `${(us / 1000).toFixed(1)} ms` : `${us.toFixed(0)} us`;
}

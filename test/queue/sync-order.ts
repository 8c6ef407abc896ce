/** Reads what strace saw of a spool, and says where the order of syncs, answers and unlinks is not as it must be. */

/** A call, or a line on the standard output; `begins` and `ends` are places in the order of all. */
export interface SeenCall {
  readonly call: string;
  readonly text: string;
  readonly begins: number;
  ends: number;
}

/** Calls in the order in which they began, from the output of `strace -f -y`. */
export function readTrace(trace: string): readonly SeenCall[] {
  const calls: SeenCall[] = [];
  const unfinished = new Map<string, SeenCall>();
  for (const [at, line] of trace.split("\n").entries()) {
    const [, pid = "", rest = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    if (resumed) {
      const begun = unfinished.get(pid);
      unfinished.delete(pid);
      if (begun) begun.ends = at;
      continue;
    }
    const name = /^(\w+)\(/.exec(rest)?.[1];
    if (name === undefined) continue;
    const seen: SeenCall = { call: name, text: rest, begins: at, ends: at };
    calls.push(seen);
    if (rest.includes("<unfinished ...>")) {
      seen.ends = Number.POSITIVE_INFINITY;
      unfinished.set(pid, seen);
    }
  }
  return calls;
}

/** What is wrong with the order of one large message that went in and out; undefined when nothing is. */
export function orderFault(calls: readonly SeenCall[]): string | undefined {
  const isSync = ({ call }: SeenCall): boolean => call === "fsync" || call === "fdatasync";
  const first = (test: (seen: SeenCall) => boolean): SeenCall | undefined => calls.find(test);
  const put = first(({ call, text }) => call === "write" && text.includes("put m"));
  const done = first(({ call, text }) => call === "write" && text.includes("done m"));
  const unlink = first(({ call, text }) => call.startsWith("unlink") && /\/body\/\d+\/m/.test(text));
  if (!put || !done || !unlink) return "it did not come to its end";
  const between = (from: number, to: number, path: RegExp): SeenCall | undefined =>
    first((seen) => isSync(seen) && path.test(seen.text) && seen.begins > from && seen.ends < to);
  const content = between(-1, put.begins, /\/body\/\d+\/m[^/]*>/);
  if (!content) return "the content was not synced before the answer";
  const hour = between(content.ends, put.begins, /\/body\/\d+>/);
  if (!hour) return "the folder of the content was not synced after it";
  const body = between(-1, put.begins, /\/body>/);
  if (!body) return "the folder of folders was not synced";
  const ready = Math.max(hour.ends, body.ends);
  if (!between(ready, put.begins, /spool\.db-wal>/)) return "the log was not synced after the content";
  const gone = between(put.ends, Math.min(done.begins, unlink.begins), /spool\.db-wal>/);
  return gone ? undefined : "the log was not synced before the end or the unlink";
}

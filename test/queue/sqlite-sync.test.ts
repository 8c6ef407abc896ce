/** The syncs of the SQLite spool are real and in order, as strace sees them; each that is taken out is missed. */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import type { SyncPoint } from "../../core/queue/sqlite/protocol.ts";
import type { ChildJob } from "./spool-child.ts";
import { newFolder } from "./sqlite-fixtures.ts";
import { orderFault, readTrace } from "./sync-order.ts";

const tried = spawnSync("strace", ["-o", "/dev/null", "true"]);
const skip = tried.status === 0 ? false : "there is no strace, or it may not trace";

async function faultWithout(...without: readonly SyncPoint[]): Promise<string | undefined> {
  const folder = newFolder();
  const trace = join(newFolder(), "trace");
  const job: ChildJob = { folder, does: "one", from: 3, probes: { without } };
  const file = new URL("./spool-child.ts", import.meta.url).pathname;
  const calls = "trace=fsync,fdatasync,unlink,unlinkat,write";
  const traced = ["-f", "-y", "--seccomp-bpf", "-e", calls, "-o", trace];
  await promisify(execFile)("strace", [...traced, process.execPath, file, JSON.stringify(job)]);
  return orderFault(readTrace(readFileSync(trace, "utf8")));
}

describe("openSqliteSpool syncs", { skip }, () => {
  it("content, folders, log, then answers; the log of a delete, then unlinks", async () => {
    assert.equal(await faultWithout(), undefined);
  });

  const points: readonly { without: SyncPoint; fault: string }[] = [
    { without: "content", fault: "the content was not synced before the answer" },
    { without: "folder", fault: "the folder of the content was not synced after it" },
    { without: "wal", fault: "the log was not synced after the content" },
  ];
  for (const { without, fault } of points) {
    it(`and the sync of ${without} is missed where it is taken out`, async () => {
      assert.equal(await faultWithout(without), fault);
    });
  }
});

/** The SQLite spool keeps the contract of spools, also when it crashes in between. */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { Spool } from "../../core/gateway/mod.ts";
import { describeSpool } from "../gateway/spool-contract.ts";
import { checkAgainstModel } from "../gateway/spool-model.ts";
import { EmptiedSpool, forward } from "./emptied-spool.ts";
import { openBare } from "./sqlite-fixtures.ts";

const root = mkdtempSync(join(tmpdir(), "postern-spools-"));
let count = 0;
const nextFolder = (): string => join(root, String(++count));
after(() => rmSync(root, { recursive: true, force: true }));

const emptied = new EmptiedSpool((clock) => openBare(nextFolder(), { clock }));
after(() => emptied.close());

describeSpool(
  "of SQLite",
  (clock) => openBare(nextFolder(), { clock }),
  (clock) => emptied.lend(clock),
);

describe("openSqliteSpool", () => {
  it("gives after a crash what was there, as a plain model has it", async () => {
    let folder = nextFolder();
    const crashing = new EmptiedSpool((clock) => openBare(folder, { clock }));
    let calls = 0;
    const crash = async (): Promise<void> => {
      if (++calls % 400 !== 0) return;
      await crashing.replace(async (old, clock): Promise<Spool> => {
        // The files as a killed process leaves them: nothing is written down at an end.
        const left = nextFolder();
        cpSync(folder, left, { recursive: true });
        await old.close();
        folder = left;
        return openBare(left, { clock });
      });
    };
    await checkAgainstModel(async (clock) => {
      const lent = await crashing.lend(clock);
      return forward(
        () => crashing.present,
        () => lent.close(),
        crash,
      );
    });
    await crashing.close();
  });
});

/** The compile cache is run as code: it is used only in a folder that nobody else can write or put in its place. */
import assert from "node:assert/strict";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ownFolder } from "../../core/cli/compile-cache.js";
import { configText, NOBODY, QUIET, runCommand, temporaryFolder, writeIn } from "./command.ts";
import { startedGateway } from "./started-gateway.ts";

const user = process.getuid?.() ?? 0;
const name = `postern-${user}`;

describe("ownFolder", () => {
  it("makes a folder that is closed to others, and finds it again", () => {
    const parent = temporaryFolder();
    assert.equal(ownFolder(parent), join(parent, name));
    assert.equal(statSync(join(parent, name)).mode & 0o777, 0o700);
    assert.equal(ownFolder(parent), join(parent, name));
  });

  it("takes a shared temporary folder only with the sticky bit", () => {
    const parent = temporaryFolder();
    chmodSync(parent, 0o777);
    assert.equal(ownFolder(parent), undefined);
    chmodSync(parent, 0o1777);
    assert.equal(ownFolder(parent), join(parent, name));
  });

  const UNSAFE: readonly {
    readonly name: string;
    readonly make: (folder: string) => void;
    readonly root?: true;
  }[] = [
    { name: "one that others can read", make: (folder) => mkdirSync(folder, { mode: 0o755 }) },
    {
      name: "one that a group can write",
      make: (folder) => {
        mkdirSync(folder);
        chmodSync(folder, 0o720);
      },
    },
    {
      name: "a link, even to a folder of this user",
      make: (folder) => symlinkSync(temporaryFolder(), folder),
    },
    { name: "a file", make: (folder) => writeIn(join(folder, ".."), name, "") },
    {
      name: "one of another user",
      root: true,
      make: (folder) => {
        mkdirSync(folder, { mode: 0o700 });
        chownSync(folder, NOBODY, NOBODY);
      },
    },
    {
      name: "one below a folder of another user",
      root: true,
      make: (folder) => chownSync(join(folder, ".."), NOBODY, NOBODY),
    },
  ];
  for (const { name: what, make, root } of UNSAFE) {
    it(`does not take ${what}`, (t) => {
      if (root && user !== 0) return t.skip("only root can give a folder to another user");
      const parent = temporaryFolder();
      make(join(parent, name));
      assert.equal(ownFolder(parent), undefined);
    });
  }

  it("does without where the parent is missing", () => {
    assert.equal(ownFolder(join(temporaryFolder(), "nothing")), undefined);
  });
});

describe("postern start", () => {
  const gateway = async (env: { readonly [name: string]: string }) => {
    const cwd = temporaryFolder();
    writeIn(cwd, "gateway.config.ts", configText(QUIET));
    return startedGateway({ cwd, env });
  };

  it("has written the cache when it listens, so that one that is killed has it too", async () => {
    const TMPDIR = temporaryFolder();
    const first = await gateway({ TMPDIR });
    // It answers only after what stands behind the banner.
    const { code } = await runCommand(["send", "--to", "a@example.com", "--server", first.server], {
      cwd: TMPDIR,
    });
    assert.equal(code, 0);
    first.child.kill("SIGKILL");
    await first.exited;
    const [version = ""] = readdirSync(join(TMPDIR, name));
    assert.ok(readdirSync(join(TMPDIR, name, version)).length > 50);
  });

  it("starts without a cache where the temporary folder is not to be trusted", async () => {
    const TMPDIR = temporaryFolder();
    mkdirSync(join(TMPDIR, name), { mode: 0o777 });
    chmodSync(join(TMPDIR, name), 0o777);
    const one = await gateway({ TMPDIR });
    assert.equal(await one.stop(), 0);
    assert.deepEqual(readdirSync(join(TMPDIR, name)), []);
  });

  it("keeps none with NODE_DISABLE_COMPILE_CACHE", async () => {
    const TMPDIR = temporaryFolder();
    const one = await gateway({ TMPDIR, NODE_DISABLE_COMPILE_CACHE: "1" });
    assert.equal(await one.stop(), 0);
    assert.ok(!existsSync(join(TMPDIR, name)) || readdirSync(join(TMPDIR, name)).length === 0);
  });
});

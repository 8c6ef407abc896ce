import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { keptSecret } from "../../core/store/mod.ts";

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "kept-secret-"));
  folders.push(folder);
  return folder;
}

describe("keptSecret", () => {
  it("makes 32 octets that only the owner can read, and gives them again", () => {
    const folder = newFolder();
    const secret = keptSecret(folder);
    assert.equal(secret.length, 32);
    assert.equal(statSync(join(folder, "secret")).mode & 0o777, 0o600);
    assert.deepEqual(keptSecret(folder), secret);
    assert.notDeepEqual(keptSecret(newFolder()), secret);
  });

  it("closes a file that others could read", () => {
    const folder = newFolder();
    const file = join(folder, "secret");
    writeFileSync(file, Buffer.alloc(32, 7).toString("base64url"), { mode: 0o644 });
    assert.deepEqual(keptSecret(folder), new Uint8Array(32).fill(7));
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  for (const [name, text] of [
    ["an empty file", ""],
    ["half a secret", Buffer.alloc(16, 7).toString("base64url")],
    ["something else", "secret"],
  ] as const)
    it(`does not take ${name}, and says what to do`, () => {
      const folder = newFolder();
      writeFileSync(join(folder, "secret"), text);
      assert.throws(() => keptSecret(folder), /secret: found no secret of 32 octets; delete the file/);
    });

  it("writes nothing through a link that leads nowhere", () => {
    const folder = newFolder();
    symlinkSync(join(folder, "elsewhere"), join(folder, "secret"));
    assert.throws(() => keptSecret(folder), { code: "ENOENT" });
  });

  it("tells that there is no folder", () => {
    assert.throws(() => keptSecret(join(newFolder(), "none")), { code: "ENOENT" });
  });
});

/** The layout of the project: what may lie at its top, and that test/ mirrors core/ and plugins/. */
import type { Finding } from "../finding.ts";
import type { SourceTree } from "../source-tree.ts";

/** The top level; dotfiles are free. Everything else lies in one of these folders. */
const TOP = new Set([
  "core",
  "plugins",
  "test",
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "gateway.config.ts",
  "README.md",
  "CHANGELOG.md",
  "LICENSE",
]);
/** Folders of test/ that mirror none. */
const OWN_FOLDERS = new Set(["bench", "e2e", "fixtures", "fuzz", "plugins", "tidy"]);
const KINDS = new Set(["auth", "filter", "rewrite", "route"]);

/** Finds what lies in the wrong place. */
export function layout({ paths }: SourceTree): readonly Finding[] {
  const coreFolders = new Set(
    paths.map((path) => /^core\/([^/]+)\//.exec(path)?.[1]).filter((name) => name !== undefined),
  );
  return paths.flatMap((path) => {
    const todo = place(path, coreFolders);
    return todo === undefined ? [] : [{ path, line: 1, rule: "layout", todo }];
  });
}

function place(path: string, coreFolders: ReadonlySet<string>): string | undefined {
  const [top = "", second, third] = path.split("/");
  if (!TOP.has(top) && !top.startsWith(".")) {
    return `the top level holds ${[...TOP].join(", ")} and dotfiles alone: move it into core, plugins or test`;
  }
  if (third === undefined) return undefined;
  if (top === "plugins" && !KINDS.has(second ?? ""))
    return `plugins/ has a folder for each of ${[...KINDS].join(", ")}`;
  if (top !== "test" || coreFolders.has(second ?? "") || OWN_FOLDERS.has(second ?? "")) return undefined;
  return `test/${second} mirrors no folder of core/: move it to that of what it tests`;
}

/** Each folder has a README.md of at most a screen or two, and what it names is there. */
import { posix } from "node:path";
import type { Finding } from "../finding.ts";
import type { SourceTree } from "../source-tree.ts";

const LINES_MAX = 120;

/** Finds folders without README.md, long ones, and links or file names in them that lead nowhere. */
export function readmes(tree: SourceTree): readonly Finding[] {
  const has = new Set(tree.paths);
  const folders = new Set<string>();
  for (const path of tree.paths) {
    const folder = /^(?:test|(?:core|plugins)(?:\/[^/]+(?=\/))?)(?=\/)/.exec(path)?.[0];
    if (folder !== undefined) folders.add(folder);
  }
  return [
    ...[...folders]
      .filter((folder) => !has.has(`${folder}/README.md`))
      .map((folder) => ({
        path: `${folder}/README.md`,
        line: 1,
        rule: "readme",
        todo: `write it: what ${folder} is for, its files, its principles and how to see them`,
      })),
    ...tree.paths
      .filter((path) => /\.md$/.test(path) && !/\/(fixtures|cases)\//.test(path))
      .flatMap((path) => faultsOf(path, tree)),
  ];
}

function faultsOf(path: string, { paths, text }: SourceTree): readonly Finding[] {
  const lines = text(path).replace(/\n$/, "").split("\n");
  const findings: Finding[] = [];
  if (path.endsWith("README.md") && lines.length >= LINES_MAX) {
    const todo = `${lines.length} lines, under ${LINES_MAX} wanted: say less, or move it to a folder's own README.md`;
    findings.push({ path, line: LINES_MAX, rule: "readme", todo });
  }
  const folder = posix.dirname(path);
  const leads = (target: string): boolean => {
    const file = posix.join(folder, target).replace(/\/$/, "");
    return paths.some((one) => one === file || one.startsWith(`${file}/`));
  };
  for (const [index, line] of lines.entries()) {
    // Code is no prose: its links are not followed.
    if (/^( {4}|\t)/.test(line)) continue;
    const prose = line.replaceAll(/`[^`]*`/g, "");
    for (const [, link = ""] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      const todo = linkFault(link, path, leads, text);
      if (todo !== undefined) findings.push({ path, line: index + 1, rule: "link", todo });
    }
    for (const [, name = ""] of line.matchAll(/`((?:[\w.-]+\/)*[\w-]+(?:\.[\w-]+)*\.(?:ts|js))`/g)) {
      // A bare name is a file of the folder or of one below it; a path may also be told from the top.
      const known =
        paths.some((one) => one === name || one.endsWith(`/${name}`)) &&
        (name.includes("/") || isNear(folder, name, paths));
      if (known || leads(name)) continue;
      findings.push({
        path,
        line: index + 1,
        rule: "link",
        todo: `there is no file ${name}: name the one that is meant`,
      });
    }
  }
  return findings;
}

/** Whether a file of that name lies in or below a folder, or at the top of the project. */
function isNear(folder: string, name: string, paths: readonly string[]): boolean {
  const below = folder === "." ? "" : `${folder}/`;
  return paths.some((one) => one === name || (one.startsWith(below) && one.endsWith(`/${name}`)));
}

function linkFault(
  link: string,
  path: string,
  leads: (target: string) => boolean,
  text: (path: string) => string,
): string | undefined {
  if (/^[a-z]+:/.test(link)) return undefined;
  const [target = "", anchor] = link.split("#");
  if (target !== "" && !leads(target)) return `the link ${link} leads nowhere: correct it`;
  if (anchor === undefined || !(target === "" || target.endsWith(".md"))) return undefined;
  const page = target === "" ? path : posix.join(posix.dirname(path), target);
  return anchorsOf(text(page)).has(anchor) ? undefined : `${page} has no heading for #${anchor}: correct it`;
}

/** The anchors that a forge makes of headings: lower case, spaces to hyphens, punctuation gone. */
function anchorsOf(text: string): ReadonlySet<string> {
  const headings = [...text.matchAll(/^#{1,6} +(.+?) *$/gm)].map((match) => match[1] ?? "");
  return new Set(
    headings.map((one) =>
      one
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

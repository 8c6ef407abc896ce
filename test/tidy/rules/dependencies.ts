/** Each dependency enters by one file, so that it can be replaced there. */
import type { Finding } from "../finding.ts";
import { importsOf, packageOf } from "../imports.ts";
import type { SourceTree } from "../source-tree.ts";

/** A dependency's files; a path that ends with "/" is a folder. More than one needs a reason beside it. */
const ENTRIES: { readonly [name: string]: readonly string[] } = {
  "@hono/node-server": ["core/http/listen-http.ts"],
  "@noble/hashes": ["core/gateway/web-crypto.ts"],
  "dkim-signer": ["plugins/auth/sign/field-shape.ts"],
  // Routes and pages are written with it; nothing outside the folder sees it.
  hono: ["core/http/"],
  pino: ["core/cli/log.ts"],
  // Its server, connection and stream are subclassed, each in the file of its own subclass.
  "smtp-server": [
    "core/smtp/listen-smtp.ts",
    "core/smtp/gateway-connection.ts",
    "core/smtp/gateway-stream.ts",
  ],
  zod: ["core/pipeline/schema.ts"],
};

/** Finds imports of packages outside of their files, and packages that the table or package.json does not know. */
export function dependencies(
  { sources, paths, text }: SourceTree,
  entries: typeof ENTRIES = ENTRIES,
): readonly Finding[] {
  const findings: Finding[] = [];
  const used = new Set<string>();
  for (const source of sources.filter(({ path }) => /^(core|plugins)\//.test(path))) {
    for (const { specifier, target, line } of importsOf(source)) {
      const name = packageOf(specifier);
      if (target !== undefined || name === "node:" || name === "postern") continue;
      const files = Object.hasOwn(entries, name) ? entries[name]! : [];
      const entry = files.find(
        (file) => source.path === file || (file.endsWith("/") && source.path.startsWith(file)),
      );
      if (entry !== undefined) {
        used.add(`${name} ${entry}`);
        continue;
      }
      const todo =
        files.length > 0
          ? `'${name}' enters by ${files.join(", ")}: import what those export`
          : `'${name}' is not in the table of rules/dependencies.ts: give it one file there`;
      findings.push({ path: source.path, line, rule: "dependency", todo });
    }
  }
  for (const [name, files] of Object.entries(entries)) {
    for (const file of files.filter((one) => !used.has(`${name} ${one}`))) {
      const todo = `${file} does not import '${name}': take it out of the table of rules/dependencies.ts`;
      findings.push({ path: "package.json", line: 1, rule: "dependency", todo });
    }
  }
  if (!paths.includes("package.json")) return findings;
  const declared = Object.keys(JSON.parse(text("package.json")).dependencies ?? {});
  const line = (name: string): number =>
    text("package.json")
      .split("\n")
      .findIndex((one) => one.includes(`"${name}":`)) + 1;
  for (const name of declared.filter((one) => !Object.hasOwn(entries, one))) {
    const todo = `'${name}' enters by no file of rules/dependencies.ts: give it one, or take it out`;
    findings.push({ path: "package.json", line: line(name), rule: "dependency", todo });
  }
  for (const name of Object.keys(entries).filter((one) => !declared.includes(one))) {
    const todo = `'${name}' is used by the package but not among its dependencies`;
    findings.push({ path: "package.json", line: 1, rule: "dependency", todo });
  }
  return findings;
}

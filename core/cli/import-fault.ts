/** Why a config's file can not be imported, in one line: place, what is wrong, what to do. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { shownFile } from "./shown-file.ts";
import { tokenize } from "./tokenize.ts";
import { UserError } from "./user-error.ts";

const PACKAGE = fileURLToPath(new URL("../../", import.meta.url));
/** Files looked through for an error of syntax whose place the runtime does not tell. */
const CHECKED_FILES_MAX = 20;
const CHECK_MS_MAX = 10_000;

/** The fault of an import, or of the config's function, as a user's mistake. */
export function importFault(error: unknown, file: string): UserError {
  const missing = missingImport(error);
  if (missing !== undefined) return new UserError(missing);
  const place = placeInStack(error) ?? placeOfSyntax(error, file) ?? shownFile(file);
  return new UserError(`${place}: ${wordsOf(error)}`);
}

/** Where and what, for an import that leads nowhere; its error has no line, so the importing file is searched for it. */
function missingImport(error: unknown): string | undefined {
  const { code, message = "" } = (error ?? {}) as { code?: string; message?: string };
  const match = /^Cannot find (package|module) '([^']+)' imported from (.+)$/m.exec(message);
  if (code !== "ERR_MODULE_NOT_FOUND" || match === null) return undefined;
  const [, kind, name = "", importer = ""] = match;
  const wanted = kind === "package" ? name : basename(name);
  const lines = existsSync(importer) ? readFileSync(importer, "utf8").split("\n") : [];
  const at = lines.findIndex((line) => /\b(from|import)\b/.test(line) && line.includes(wanted)) + 1;
  const place = `${shownFile(importer)}${at > 0 ? `:${at}` : ""}`;
  return kind === "package"
    ? `${place}: cannot find the package ${JSON.stringify(name)}; npm install ${name}, or correct the import`
    : `${place}: cannot find the file ${JSON.stringify(shownFile(name))}; correct the import`;
}

/** The first place in a stack that is a user's: in no package, nor in ours beside its config. */
function placeInStack(error: unknown): string | undefined {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  for (const line of stack.split("\n")) {
    // A frame has a URL; above the stack of an error of syntax stands the plain path.
    const [, url, urlLine] = /(file:\/\/\S+?):(\d+)(?::\d+)?\)?$/.exec(line) ?? [];
    const [, path, pathLine] = /^(\/.+|[A-Za-z]:\\.+):(\d+)$/.exec(line) ?? [];
    const file = url !== undefined && URL.canParse(url) ? fileURLToPath(url) : path;
    if (file === undefined || file.includes(`${sep}node_modules${sep}`)) continue;
    if (["core", "plugins"].some((folder) => file.startsWith(`${PACKAGE}${folder}${sep}`))) continue;
    return `${shownFile(file)}:${urlLine ?? pathLine}`;
  }
  return undefined;
}

/**
 * The place of an error of syntax in JavaScript, which only a check by the runtime tells. Nothing is run: the config
 * and the files it imports by a relative path are checked one after the other.
 */
function placeOfSyntax(error: unknown, file: string): string | undefined {
  if (!(error instanceof SyntaxError)) return undefined;
  const files = [file];
  for (let at = 0; at < files.length && at < CHECKED_FILES_MAX; at++) {
    const one = files[at] ?? "";
    if (!existsSync(one)) continue;
    if (/\.[mc]?js$/.test(one)) {
      const check = spawnSync(process.execPath, ["--check", one], {
        encoding: "utf8",
        timeout: CHECK_MS_MAX,
      });
      const [first = ""] = (check.stderr ?? "").split("\n");
      const line = /:(\d+)$/.exec(first)?.[1];
      if (check.status !== 0 && line !== undefined) return `${shownFile(one)}:${line}`;
    }
    for (const target of relativeImports(one)) if (!files.includes(target)) files.push(target);
  }
  return undefined;
}

function relativeImports(file: string): readonly string[] {
  const tokens = tokenize(readFileSync(file, "utf8")) ?? [];
  return tokens.flatMap(({ kind, text }, at) => {
    const before = tokens[at - 1]?.text;
    const imported = before === "from" || before === "import" || tokens[at - 2]?.text === "import";
    return kind === "string" && imported && /^["']\.{1,2}\//.test(text)
      ? [resolve(dirname(file), text.slice(1, -1))]
      : [];
  });
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${JSON.stringify(error) ?? String(error)}`;
  const text = error.message === "" ? error.name : error.message;
  return text
    .replaceAll(/file:\/\/\S+/g, (url) => (URL.canParse(url) ? shownFile(fileURLToPath(url)) : url))
    .replaceAll(pathToFileURL(PACKAGE).href, "")
    .replaceAll(/[\s\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ")
    .trim();
}

/** What a file imports, in each way a module can: statically, by `export from`, by `import()`, and in types. */
import { posix } from "node:path";
import { isNode, type Node, type Source, walk } from "./source-tree.ts";

/** One import. */
export interface Import {
  readonly specifier: string;
  /** From 1. */
  readonly line: number;
  /** The project's path of a relative specifier; undefined for packages. */
  readonly target: string | undefined;
}

/** All imports of a file, in their order. An `import()` of something that is no literal is not seen. */
export function importsOf(source: Source): readonly Import[] {
  const imports: Import[] = [];
  for (const { node } of walk(source.program)) {
    const specifier = specifierOf(node);
    if (specifier === undefined) continue;
    const target = specifier.startsWith(".") ? posix.join(posix.dirname(source.path), specifier) : undefined;
    imports.push({ specifier, target, line: source.lineOf(node.start) });
  }
  return imports;
}

/** The package of a specifier: "smtp-server" of "smtp-server/lib/x.js"; "node:" for what the runtime brings. */
export function packageOf(specifier: string): string {
  if (specifier.startsWith("node:")) return "node:";
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

function specifierOf(node: Node): string | undefined {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration":
    case "ImportExpression":
    case "TSImportType":
      return literal(node.source ?? node.argument);
    default:
      return undefined;
  }
}

function literal(value: unknown): string | undefined {
  if (!isNode(value)) return undefined;
  if (value.type === "TSLiteralType") return literal(value.literal);
  return value.type === "Literal" && typeof value.value === "string" ? value.value : undefined;
}

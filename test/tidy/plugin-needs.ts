/** What plugins need of their host, read from their source: a plugin that needs Node says so there. */
import { isNode, type Source, walk } from "./source-tree.ts";

/** Capabilities that only a host on Node, Deno or Bun has. */
const OF_NODE: ReadonlySet<string> = new Set(["tcp", "files"]);

/** Whether a plugin's file declares a need that keeps it from platforms with Web standards alone. */
export function needsNode(source: Source): boolean {
  for (const { node } of walk(source.program)) {
    if (node.type !== "Property" || !isNode(node.key) || node.key.name !== "needs" || !isNode(node.value))
      continue;
    for (const { node: inside } of walk(node.value)) {
      if (inside.type === "Literal" && OF_NODE.has(String(inside.value))) return true;
    }
  }
  return false;
}

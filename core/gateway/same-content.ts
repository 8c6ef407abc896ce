/** Whether two contents are known to be the same without reading any: the same object, or equal octets in memory. */
import type { Content } from "../mail/mod.ts";

/** False also where it can not be told cheaply: large contents that lie in files are the same only by identity. */
export function sameContent(a: Content, b: Content): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  const [x, y] = [a.bytes, b.bytes];
  return x !== undefined && y !== undefined && x.every((octet, i) => octet === y[i]);
}

/** What XFORWARD said of a message (Postfix's XFORWARD_README). Pure. */
import type { ForwardedClient } from "../pipeline/mod.ts";
import type { SaidByXforward } from "./session.ts";

/** What a message takes along of it. Without an address it began at the server in front, and the rest is nobody's. */
export function forwardedOf(said: SaidByXforward): ForwardedClient {
  const hasClient = said.ip !== undefined && said.ip !== null;
  const known = Object.entries(said).filter(
    ([name, value]) => value !== null && value !== undefined && (hasClient || OF_THE_MESSAGE.has(name)),
  );
  return Object.fromEntries(known);
}

const OF_THE_MESSAGE = new Set(["ident", "source"]);

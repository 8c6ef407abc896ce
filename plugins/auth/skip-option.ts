/** Whose messages a check leaves out: those of senders that are known in another way. */
import { type Client, type Identity, z } from "postern";

/** Who can be left out. */
export type Skipped = "authenticated" | "trusted";

/** A list of them; by default both. */
export const skipOption = () =>
  z
    .array(z.enum(["authenticated", "trusted"], "'authenticated' or 'trusted'"), {
      error: "a list of 'authenticated' and 'trusted'",
    })
    .default(["authenticated", "trusted"]);

/** Why a message is left out; undefined where it is checked. */
export function skipReason(
  { identity, client }: { readonly identity: Identity | undefined; readonly client: Client },
  skip: readonly Skipped[],
): string | undefined {
  if (identity && skip.includes("authenticated")) return "the sender is authenticated";
  return client.trusted && skip.includes("trusted") ? "the client is in a trusted network" : undefined;
}

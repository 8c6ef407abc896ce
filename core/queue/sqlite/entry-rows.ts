/** Recipients as lists show them: the columns, and a row of them. */
import { STATES } from "./filter.ts";
import type { FoundRow } from "./protocol.ts";

/** The columns of an entry, over rcpt and msg. */
export const entryColumns = `n, r, msg.id AS id, state, destination, reverse AS reversePath, forward AS forwardPath,
  received AS receivedAt, bytes, tries, next AS nextAt, expires AS expiresAt, owner, reply, reason, byhand AS byHand`;

/** A row of those columns, read. */
export const toFound = (row: Omit<FoundRow, "state"> & { readonly state: number }): FoundRow => ({
  ...row,
  state: STATES[row.state] ?? "failed",
});

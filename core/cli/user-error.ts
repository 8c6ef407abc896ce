/** A user's mistake: shown as its one line, without a stack. */
export class UserError extends Error {
  override readonly name = "UserError";
}

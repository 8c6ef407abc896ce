/** Why a thread of the spool refuses an operation that has changed nothing so far. The main side makes a SpoolFault of it. */
import type { Refusal } from "./protocol.ts";

/** See the head of the file. */
export class Refused extends Error {
  readonly code: Refusal["code"];

  constructor(code: Refusal["code"], message: string) {
    super(message);
    this.code = code;
  }
}

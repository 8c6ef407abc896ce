/** Those of a delivery whom the next hop did not take, while it took others: what is kept of them, and how. */
import { type Reject, reject, type Tempfail, tempfail } from "../pipeline/mod.ts";
import type { RecipientResult } from "./next-hop-driver.ts";
import type { RecipientState } from "./recipient.ts";

/** Gives each its verdict by the next hop's reply, and parts the refused from those to try again. */
export function undeliveredOf(
  recipients: readonly RecipientState[],
  results: readonly RecipientResult[],
): { readonly held: readonly RecipientState[]; readonly deferred: readonly RecipientState[] } {
  const held: RecipientState[] = [];
  const deferred: RecipientState[] = [];
  recipients.forEach((recipient, i) => {
    const result = results[i]!;
    if (result.status === "delivered") return;
    recipient.verdict = verdictOf(result);
    (result.status === "rejected" ? held : deferred).push(recipient);
  });
  return { held, deferred };
}

function verdictOf({ status, reply }: RecipientResult): Reject | Tempfail {
  // A driver may have passed on a reply without an enhanced code, or with one of another class.
  const detail = /^[245]\.(\d{1,3}\.\d{1,3})$/.exec(reply.enhanced)?.[1] ?? "0.0";
  return status === "rejected"
    ? reject(`5.${detail}` as "5.0.0", reply.text)
    : tempfail(`4.${detail}` as "4.0.0", reply.text);
}

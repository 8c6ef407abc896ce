/**
 * Recipients with the same next hop (with `mx()`, of the same domain), reverse-path, form of the message, TLS demand and time share one delivery. DSN
 * options part no delivery: RET and ENVID are the transaction's, so all have the same, and NOTIFY and ORCPT go with
 * each recipient's own RCPT (RFC 3461 4.1, 4.2).
 */
import type { Address, Edit, Message, ReversePath } from "../mail/mod.ts";
import type { RecipientState } from "./recipient.ts";
import { sameContent } from "./same-content.ts";

/** One delivery to plan. */
export interface PlannedDelivery {
  readonly nextHop: string;
  /** The next hop, or a part of it that is delivered to apart. */
  readonly group: string;
  readonly mode: "inline" | "queue";
  readonly deliverAt: number | undefined;
  readonly requireTls: boolean;
  readonly reversePath: ReversePath;
  readonly message: Message;
  readonly recipients: RecipientState[];
}

/** What the plan must know of next hops. */
export interface NextHopKinds {
  modeOf(nextHop: string): "inline" | "queue";
  /** The group of a recipient there: the next hop's name, or more where it delivers in parts. */
  groupOf(nextHop: string, forwardPath: Address): string;
}

/** Groups routed recipients, in the order of the first of each group. Each must have a route. */
export function planDeliveries(
  recipients: readonly RecipientState[],
  envelope: { readonly reversePath: ReversePath; readonly message: Message },
  kinds: NextHopKinds,
): readonly PlannedDelivery[] {
  const plans: PlannedDelivery[] = [];
  for (const recipient of recipients) {
    const { route } = recipient;
    // One that fell through would be told 250 and delivered nowhere.
    if (!route) throw new Error(`neither a verdict nor a route for ${recipient.forwardPath.text}`);
    const wanted = {
      nextHop: route.nextHop,
      group: kinds.groupOf(route.nextHop, recipient.forwardPath),
      mode: route.mode ?? kinds.modeOf(route.nextHop),
      deliverAt: route.deliverAt,
      requireTls: route.requireTls === true,
      reversePath: recipient.reversePath === undefined ? envelope.reversePath : recipient.reversePath,
      message: recipient.message ?? envelope.message,
    };
    const found = plans.find(
      (plan) =>
        plan.group === wanted.group &&
        plan.mode === wanted.mode &&
        plan.deliverAt === wanted.deliverAt &&
        plan.requireTls === wanted.requireTls &&
        (plan.reversePath?.text ?? "") === (wanted.reversePath?.text ?? "") &&
        sameForm(plan.message, wanted.message),
    );
    if (found) found.recipients.push(recipient);
    else plans.push({ ...wanted, recipients: [recipient] });
  }
  return plans;
}

/** Whether two forms of one message have the same bytes: the same edits, or edits that say the same. */
function sameForm(a: Message, b: Message): boolean {
  if (a === b || a.sameFormAs(b)) return true;
  return a.edits.length === b.edits.length && a.edits.every((edit, i) => sameEdit(edit, b.edits[i]!));
}

function sameEdit(a: Edit, b: Edit): boolean {
  if (a === b) return true;
  if (a.start !== b.start || a.end !== b.end || a.author !== b.author) return false;
  return sameContent(a.replacement, b.replacement);
}

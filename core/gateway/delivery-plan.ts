/** Recipients with the same next hop, reverse-path, form of the message and TLS demand share one delivery. */
import type { Edit, Message, ReversePath } from "../mail/mod.ts";
import type { RecipientState } from "./recipient.ts";

/** One delivery to plan. */
export interface PlannedDelivery {
  readonly nextHop: string;
  readonly mode: "inline" | "queue";
  readonly deliverAt: number | undefined;
  readonly requireTls: boolean;
  readonly reversePath: ReversePath;
  readonly message: Message;
  readonly recipients: RecipientState[];
}

/** Groups routed recipients, in the order of the first of each group. */
export function planDeliveries(
  recipients: readonly RecipientState[],
  envelope: { readonly reversePath: ReversePath; readonly message: Message },
  modeOf: (nextHop: string) => "inline" | "queue",
): readonly PlannedDelivery[] {
  const plans: PlannedDelivery[] = [];
  for (const recipient of recipients) {
    const { route } = recipient;
    if (!route) continue;
    const wanted = {
      nextHop: route.nextHop,
      mode: route.mode ?? modeOf(route.nextHop),
      deliverAt: route.deliverAt,
      requireTls: route.requireTls === true,
      reversePath: recipient.reversePath === undefined ? envelope.reversePath : recipient.reversePath,
      message: recipient.message ?? envelope.message,
    };
    const found = plans.find(
      (plan) =>
        plan.nextHop === wanted.nextHop &&
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
  if (a === b) return true;
  return a.edits.length === b.edits.length && a.edits.every((edit, i) => sameEdit(edit, b.edits[i]!));
}

function sameEdit(a: Edit, b: Edit): boolean {
  if (a === b) return true;
  if (a.start !== b.start || a.end !== b.end || a.author !== b.author) return false;
  const [x, y] = [a.replacement.bytes, b.replacement.bytes];
  return x !== undefined && y !== undefined && x.length === y.length && x.every((octet, i) => octet === y[i]);
}

/** What goes wrong in hooks, as text for the trace and the log. */

/** A hook broke the contract; the message says how, in words for the plugin's author. */
export class HookFault extends Error {}

/** The transaction's time is over: nobody's fault, and always a temporary failure. */
export class DeadlineFault extends HookFault {
  constructor() {
    super("the transaction's deadline is over");
  }
}

const CHARACTERS_MAX = 500;

/** Anything thrown, as one bounded text. Never throws itself, whatever the thing does when it is looked at. */
export function faultText(thrown: unknown): string {
  try {
    if (!(thrown instanceof Error)) return `threw ${String(thrown)}`.slice(0, CHARACTERS_MAX);
    const message = String(thrown.message);
    // zod's messages are JSON of all issues; the first one tells enough.
    const { issues } = thrown as { readonly issues?: readonly { readonly message?: unknown }[] };
    const text = Array.isArray(issues) ? String(issues[0]?.message) : message;
    const plain = thrown instanceof HookFault || thrown.name === "Error" || Array.isArray(issues);
    return `${plain ? "" : `${thrown.name}: `}${text}`.slice(0, CHARACTERS_MAX);
  } catch {
    return "threw something that can not be shown";
  }
}

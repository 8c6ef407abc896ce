/** Routes made ready: patterns compiled, and which of their conditions the envelope alone decides. */
import { type Envelope, type Identity, networkMatcher, type Recipient } from "postern";
import { type AddressPattern, compileAddressPattern } from "./address-pattern.ts";
import type { EntryOptions } from "./route-options.ts";
import type { RouteFunction } from "./routes.ts";

/** What an entry's envelope conditions look at. */
export interface EnvelopeView {
  readonly envelope: Envelope;
  readonly recipient: Recipient;
  readonly identity: Identity | undefined;
  readonly client: { readonly ip: string };
}

/** A route made ready. Absent lists: no such condition. */
export interface CompiledRoute {
  readonly recipients: readonly AddressPattern[];
  readonly senders: readonly AddressPattern[] | undefined;
  /** Whether the senders include the null one. */
  readonly nullSender: boolean;
  readonly users: readonly AddressPattern[] | undefined;
  readonly networks: readonly string[] | undefined;
  /** Whether the envelope does not decide it. */
  readonly needsContent: boolean;
  readonly entry: EntryOptions | undefined;
  readonly code: RouteFunction | undefined;
  /** Whether all conditions on the envelope hold. */
  holdsFor(view: EnvelopeView): boolean;
}

/** Makes a route ready. */
export function compileRoute(route: EntryOptions | RouteFunction): CompiledRoute {
  if (typeof route === "function") {
    return {
      recipients: EVERY,
      senders: undefined,
      nullSender: false,
      users: undefined,
      networks: undefined,
      needsContent: true,
      entry: undefined,
      code: route,
      holdsFor: () => true,
    };
  }
  const recipients = route.recipient?.map(compileAddressPattern) ?? EVERY;
  const senders = route.sender?.filter((text) => text !== "<>").map(compileAddressPattern);
  const nullSender = route.sender?.includes("<>") ?? false;
  // A user's name is matched like a local part: with stars, letter case aside.
  const users = route.user?.map((user) => compileAddressPattern(`${user}@*`));
  const inNetworks = route.network && networkMatcher(route.network);
  return {
    recipients,
    senders,
    nullSender,
    users,
    networks: route.network,
    needsContent: route.when !== undefined,
    entry: route,
    code: undefined,
    holdsFor({ envelope, recipient, identity, client }) {
      const { localPart, domainAscii } = recipient.forwardPath;
      if (!recipients.some((pattern) => pattern.matches(localPart, domainAscii))) return false;
      const sender = envelope.reversePath;
      if (senders) {
        if (!sender && !nullSender) return false;
        if (sender && !senders.some((pattern) => pattern.matches(sender.localPart, sender.domainAscii)))
          return false;
      }
      if (users && !(identity && users.some((pattern) => pattern.matches(identity.user, "")))) return false;
      return !inNetworks || inNetworks(client.ip);
    },
  };
}

const EVERY = [compileAddressPattern("*")];

/** How large a message of a listener may be (RFC 1870). */
import type { ListenerContext } from "./listener-context.ts";

/** Octets: the limit of the config, or the next hops' where that is lower. */
export function messageBytesMaxOf({ config, options }: Pick<ListenerContext, "config" | "options">): number {
  const own = config.limits.messageBytesMax;
  const theirs = options.advertise?.size;
  return theirs === undefined || theirs > own ? own : theirs;
}

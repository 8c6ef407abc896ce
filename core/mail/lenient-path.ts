/**
 * Paths of MAIL and RCPT as old clients and scripts write them against the grammar of RFC 5321 4.1.2. Each is mended into
 * a path of the grammar that names the same mailbox, and that one is parsed: nothing gets past parsePath. What could be
 * meant in two ways is not mended: a name without domain, a second "@", a bracket without its other half, comments.
 */
import { type Address, isPathFault, type PathFault, parsePath, pathBytesMax } from "./address.ts";
import { hasHiddenCharacter } from "./hidden-characters.ts";

// What a local part may hold without quotes, and dots anywhere.
const dotsAndAtoms = /^[^\s"(),:;<>@[\\\]]+$/u;

/**
 * parsePath, and where it gives a fault once more for the mended path. Taken are: no angle brackets, or two pairs of
 * them; spaces just inside them; one dot behind the domain, which is dropped; dots at either end of a local part or
 * beside each other, as a quoted string of the same characters. Of a mended path `raw` is what came.
 *
 * @param options.kind as of parsePath
 */
export function parseLenientPath(
  text: string,
  options?: { readonly kind?: "reverse" | "forward" },
): Address | null | PathFault {
  const strict = parsePath(text, options);
  if (!isPathFault(strict)) return strict;
  const mended = mend(text);
  if (mended === undefined) return strict;
  const parsed = parsePath(mended, options);
  return parsed === null || isPathFault(parsed) ? parsed : { ...parsed, raw: text };
}

function mend(text: string): string | undefined {
  if (text.length > pathBytesMax || hasHiddenCharacter(text)) return undefined;
  const doubled = text.startsWith("<<") && text.endsWith(">>");
  const brackets = doubled ? 2 : text.startsWith("<") && text.endsWith(">") && text.length > 1 ? 1 : 0;
  const mailbox = text.slice(brackets, text.length - brackets).trim();
  // Nothing at all is the null reverse-path only where it is said by brackets.
  if (mailbox === "") return brackets === 1 ? "<>" : undefined;
  const at = mailbox.lastIndexOf("@");
  if (at < 0) return `<${mailbox}>`;
  const local = mailbox.slice(0, at);
  return `<${mendLocalPart(local)}@${mailbox.slice(at + 1).replace(/(?<!\])\.$/, "")}>`;
}

/** Quotes make a dot-string of what is none (RFC 5321 4.1.2), and mean nothing by themselves. */
function mendLocalPart(local: string): string {
  const dots = local.startsWith(".") || local.endsWith(".") || local.includes("..");
  return dots && dotsAndAtoms.test(local) && !/^\.+$/.test(local) ? `"${local}"` : local;
}

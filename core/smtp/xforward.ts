/**
 * The arguments of XFORWARD, as Postfix's XFORWARD_README has them: a server in front says of whom it had the message.
 * Pure.
 */
import type { SaidByXforward } from "../gateway/mod.ts";
import { readAddress, readAttributes, readPort } from "./attributes.ts";

/** What is offered in EHLO. */
export const XFORWARD_KEYWORD = "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE";

/** Characters of a value, and of PROTO. */
const VALUE_MAX = 255;
const PROTO_MAX = 64;
const UNKNOWN = /^\[UNAVAILABLE\]$/i;

const READERS: { readonly [attribute: string]: readonly [keyof SaidByXforward, (text: string) => unknown] } =
  {
    name: ["name", readText],
    addr: ["ip", readAddress],
    port: ["port", readPort],
    proto: ["protocol", (text) => (text.length > PROTO_MAX ? undefined : readText(text))],
    helo: ["ehlo", readText],
    ident: ["ident", readText],
    source: ["source", (text) => (/^(?:LOCAL|REMOTE)$/i.test(text) ? text.toUpperCase() : undefined)],
  };

/** Reads what stands behind "XFORWARD"; undefined where anything of it is wrong, and then nothing counts. */
export function parseXforward(text: string): SaidByXforward | undefined {
  const attributes = readAttributes(text, (key, value) => {
    if (!Object.hasOwn(READERS, key)) return undefined;
    return UNKNOWN.test(value) ? null : READERS[key]?.[1](value);
  });
  return (
    attributes &&
    Object.fromEntries(Object.entries(attributes).map(([key, value]) => [READERS[key]![0], value]))
  );
}

/** What is special in header fields and logs does not come through (note 1): of a name that a stranger made up, the rest does. */
function readText(text: string): string | undefined {
  if (text === "" || text.length > VALUE_MAX) return undefined;
  return text.replace(/[ <>()\\";@]/g, "?");
}

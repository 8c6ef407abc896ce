/** The parameters of RCPT: NOTIFY and ORCPT (RFC 3461 4.1, 4.2; RFC 6533 3 for addresses in UTF-8), where DSN is offered. */
import type { Reply } from "../../mail/mod.ts";
import type { RcptParameters } from "../../pipeline/mod.ts";
import { refusalOfParameter } from "../extensions.ts";
import type { GatewayConnection } from "../gateway-connection.ts";
import { REPLIES } from "../replies.ts";
import { utf8AddressTo7Bit } from "../utf8-address.ts";
import { decodeXtext } from "../xtext.ts";
import { type PathParameter, unknownParameter } from "./path-command.ts";

type Draft = { -readonly [K in keyof RcptParameters]: RcptParameters[K] };
type Notify = NonNullable<RcptParameters["notify"]>[number];

const NONE: RcptParameters = {};
/** RFC 3461 4.2. */
const ORCPT_MAX = 500;
// RFC 3461 4.2: an atom names the type of the address.
const ORCPT = /^([A-Za-z0-9!#$%&'*\-/?^_`{|}~]+);(.+)$/;

/** Gives the parameters, or the reply that refuses them. */
export function readRcptParameters(
  connection: GatewayConnection,
  given: readonly PathParameter[],
): RcptParameters | Reply {
  if (given.length === 0) return NONE;
  const parameters: Draft = {};
  for (const parameter of given) {
    const { keyword, value } = parameter;
    const known = keyword === "NOTIFY" || keyword === "ORCPT";
    if (!known) return unknownParameter(parameter);
    const refusal = refusalOfParameter(connection, "dsn");
    if (refusal !== undefined) return refusal;
    // RFC 3461 4: each at most once.
    if (value === undefined || parameters[keyword === "NOTIFY" ? "notify" : "orcpt"] !== undefined)
      return REPLIES.badParameter;
    const fits =
      keyword === "NOTIFY" ? readNotify(parameters, value) : readOrcpt(parameters, value, connection);
    if (!fits) return REPLIES.badParameter;
  }
  return parameters;
}

function readNotify(into: Draft, value: string): boolean {
  const words = value.toUpperCase().split(",", 4);
  // RFC 3461 4.1: NEVER stands alone.
  if (words.length > 3 || (words.length > 1 && words.includes("NEVER"))) return false;
  if (new Set(words).size !== words.length || !words.every(isNotify)) return false;
  into.notify = words;
  return true;
}

function isNotify(word: string): word is Notify {
  return word === "NEVER" || word === "SUCCESS" || word === "FAILURE" || word === "DELAY";
}

function readOrcpt(into: Draft, value: string, { smtputf8 }: GatewayConnection): boolean {
  const [, type, written] = value.length <= ORCPT_MAX ? (ORCPT.exec(value) ?? []) : [];
  if (type === undefined || written === undefined) return false;
  const utf8 = type.toLowerCase() === "utf-8";
  const address = utf8 ? utf8AddressTo7Bit(written, smtputf8) : decodeXtext(written);
  if (address === undefined) return false;
  into.orcpt = `${type};${address}`;
  return true;
}

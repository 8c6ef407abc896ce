/**
 * The parameters of MAIL: SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531), RET and ENVID (RFC 3461), REQUIRETLS
 * (RFC 8689), AUTH (RFC 4954). Each but BODY is taken only where EHLO offers it.
 */
import type { Reply } from "../../mail/mod.ts";
import type { MailParameters } from "../../pipeline/mod.ts";
import { offersAuth, refusalOfParameter } from "../extensions.ts";
import type { GatewayConnection } from "../gateway-connection.ts";
import { REPLIES } from "../replies.ts";
import { decodeXtext } from "../xtext.ts";
import { type PathParameter, unknownParameter } from "./path-command.ts";

type Draft = { -readonly [K in keyof MailParameters]: MailParameters[K] };

const NONE: MailParameters = {};
/** RFC 3461 4.4. */
const ENVID_MAX = 100;
/** RFC 4954 4: a mailbox, in xtext. */
const AUTH_MAX = 500;

/** Gives the parameters, or the reply that refuses them. */
export function readMailParameters(
  connection: GatewayConnection,
  given: readonly PathParameter[],
): MailParameters | Reply {
  if (given.length === 0) return NONE;
  const seen = new Set<string>();
  const parameters: Draft = {};
  for (const parameter of given) {
    // RFC 3461 4 says so of its own; of two different sizes or bodies neither can be believed.
    if (seen.has(parameter.keyword)) return REPLIES.badParameter;
    seen.add(parameter.keyword);
    const refusal = readParameter(connection, parameters, parameter);
    if (refusal !== undefined) return refusal;
  }
  return parameters;
}

function readParameter(connection: GatewayConnection, into: Draft, one: PathParameter): Reply | undefined {
  const { keyword, value } = one;
  switch (keyword) {
    case "SIZE":
      return readSize(into, value);
    case "BODY":
      // Offered or not: some send it all the same, and what the next hop can not carry fails there and not before.
      return readBody(into, value);
    case "SMTPUTF8":
      return refusalOfParameter(connection, "smtputf8") ?? readFlag(into, "smtputf8", value);
    case "REQUIRETLS":
      return refusalOfParameter(connection, "requireTls") ?? readFlag(into, "requireTls", value);
    case "RET":
      return refusalOfParameter(connection, "dsn") ?? readRet(into, value);
    case "ENVID":
      return refusalOfParameter(connection, "dsn") ?? readEnvid(into, value);
    case "AUTH":
      return offersAuth(connection) ? readAuth(value) : REPLIES.unknownParameter;
    default:
      return unknownParameter(one);
  }
}

function readFlag(
  into: Draft,
  name: "smtputf8" | "requireTls",
  value: string | undefined,
): Reply | undefined {
  if (value !== undefined) return REPLIES.badParameter;
  into[name] = true;
  return undefined;
}

function readSize(into: Draft, value: string | undefined): Reply | undefined {
  if (value === undefined || !/^\d{1,20}$/.test(value)) return REPLIES.badParameter;
  into.size = Number(value);
  return undefined;
}

function readBody(into: Draft, value: string | undefined): Reply | undefined {
  const body = value?.toUpperCase();
  // RFC 3030 3: it comes with an extension that is not offered.
  if (body === "BINARYMIME") return REPLIES.noBinary;
  if (body !== "7BIT" && body !== "8BITMIME") return REPLIES.badParameter;
  into.body = body;
  return undefined;
}

function readRet(into: Draft, value: string | undefined): Reply | undefined {
  const ret = value?.toUpperCase();
  if (ret !== "FULL" && ret !== "HDRS") return REPLIES.badParameter;
  into.ret = ret;
  return undefined;
}

function readEnvid(into: Draft, value: string | undefined): Reply | undefined {
  if (value === undefined || value === "" || value.length > ENVID_MAX) return REPLIES.badParameter;
  const envid = decodeXtext(value);
  if (envid === undefined) return REPLIES.badParameter;
  into.envid = envid;
  return undefined;
}

// RFC 4954 5: a server that does not trust the client to say who submitted a message goes on as after "AUTH=<>".
function readAuth(value: string | undefined): Reply | undefined {
  const fits =
    value !== undefined && value !== "" && value.length <= AUTH_MAX && decodeXtext(value) !== undefined;
  return fits ? undefined : REPLIES.badParameter;
}

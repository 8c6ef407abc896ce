/**
 * Authentication-Results (RFC 8601): takes out fields that claim to be ours and are not, and adds the one that is. It is
 * written of facts and read by nobody here: no plugin acts on what such a field says. ARC-Authentication-Results stays,
 * being covered by its seal (RFC 8617 4.1.1).
 */
import {
  definePlugin,
  domainToAscii,
  type HeaderEdits,
  type MessageView,
  type Plugin,
  reject,
  z,
} from "postern";
import { objectOption, parseOptions } from "../../options.ts";
import { Arc, Dkim, Dmarc, Iprev, Spf } from "../auth-results.ts";
import { hidesField, readsAs } from "../look-alike.ts";
import { claimsOneOf } from "./authserv-id.ts";
import { methodResults } from "./method-results.ts";
import { resultsLines } from "./results-field.ts";
import { Trust } from "./trust.ts";

/** Options of `authenticationResults`. */
export interface AuthenticationResultsOptions {
  /** The name that our field speaks by (RFC 8601 2.5). Default: the gateway's host name. */
  readonly authservId?: string;
  /** Further names of servers of one's own, which nobody outside may speak by. Default none. */
  readonly alsoOwn?: readonly string[];
  /**
   * What a peer that is not trusted may not bring: `own`, fields by one of our names and such as can not be read for
   * certain; or `all`. Default `own`.
   */
  readonly strip?: "own" | "all";
  /** Whether the name of a user who logged in is told, as smtp.auth. Default false: every recipient would see it. */
  readonly showUser?: boolean;
}

/**
 * Adds one Authentication-Results field to each message in the stage `data`, of what the plugins before it found out;
 * and removes what others forged, unless the fact `Trust` says that the peer is believed.
 *
 * @throws TypeError when an option is wrong
 */
export function authenticationResults(
  options: AuthenticationResultsOptions = {},
): Plugin<never, never, false> {
  const { authservId, alsoOwn, strip, showUser } = parseOptions("authenticationResults", OPTIONS, options);
  return definePlugin({
    name: "authenticationResults",
    mayRead: [Trust, Iprev, Spf, Dkim, Dmarc, Arc],
    edits: ["header"],
    data(ctx) {
      const { message, fact, identity, envelope } = ctx;
      const id = authservId ?? ctx.gateway.hostName;
      if (!fact(Trust).trusted) {
        // What can not be taken out by its name is not mended but refused: no program writes such a line by mistake.
        if (hidesField(message.header, KEY))
          return reject("5.6.0", "An Authentication-Results field is malformed");
        const isForged = strip === "all" ? () => true : claimsOneOf([id, ...alsoOwn]);
        if (!removeResults(message, isForged))
          return reject("5.6.0", "Too many Authentication-Results fields");
      }
      // The fallback itself, and not a value like it: nobody looked, and that is no result.
      const known = <T>(value: T, { fallback }: { readonly fallback: T }): T | undefined =>
        value === fallback ? undefined : value;
      const results = methodResults({
        reversePath: envelope.reversePath,
        clientIp: ctx.client.ip,
        identity: showUser ? identity : undefined,
        iprev: known(fact(Iprev), Iprev),
        spf: known(fact(Spf), Spf),
        dkim: known(fact(Dkim), Dkim),
        dmarc: known(fact(Dmarc), Dmarc),
        arc: known(fact(Arc), Arc),
      });
      message.addFoldedField(NAME, resultsLines(id, results), "what was found out here (RFC 8601)");
      return undefined;
    },
  });
}

const NAME = "Authentication-Results";
const KEY = "authentication-results";
/** Such fields that one message may bring: some ten are many, and each that goes costs a copy of the header section. */
const RESULTS_FIELDS_MAX = 200;

/** Removes those fields that are forged; false where there are more than anybody should have to look at. */
function removeResults(
  message: MessageView & HeaderEdits,
  isForged: ReturnType<typeof claimsOneOf>,
): boolean {
  const { fields } = message.header;
  const results = fields.filter((field) => readsAs(field, KEY));
  if (results.length > RESULTS_FIELDS_MAX) return false;
  /** By each way in which the name is spelled: which of its fields are forged, and how many there are. */
  const spellings = new Map<string, { forged: number[]; count: number }>();
  for (const field of results) {
    const key = field.name.toLowerCase();
    const spelling = spellings.get(key) ?? { forged: [], count: 0 };
    if (isForged(field)) spelling.forged.push(spelling.count);
    spelling.count += 1;
    spellings.set(key, spelling);
  }
  for (const [name, { forged }] of spellings) {
    if (forged.length > 0)
      message.removeField(name, "it speaks by our name, or by none (RFC 8601 5)", forged);
  }
  return true;
}

const OWN_MAX = 1_000;
const ID_FORM = "a domain as 'mx.example.com', or a word";
const ID = z
  .string({ error: ID_FORM })
  .refine((text) => idOf(text) !== undefined, ID_FORM)
  .transform((text) => idOf(text) ?? text);
const OPTIONS = objectOption({
  authservId: ID.optional(),
  alsoOwn: z.array(ID, "a list of names").max(OWN_MAX, "a shorter list").default([]),
  strip: z.enum(["own", "all"], { error: "'own' or 'all'" }).default("own"),
  showUser: z.boolean({ error: "true or false" }).default(false),
});

/** Names beyond ASCII in A-labels, as older readers know no others. */
function idOf(text: string): string | undefined {
  return /^[\w!#$%&'*+.^`{|}~-]{1,255}$/.test(text) ? text : domainToAscii(text);
}

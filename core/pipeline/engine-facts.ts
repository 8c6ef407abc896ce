/**
 * Facts that the engine provides by itself, of what a host tells it: a plugin puts them into its `reads`, and nobody has
 * to stand before it. They may become known while the session runs, and read as their fallback until then.
 */
import type { AnyFact } from "./context.ts";
import { type FactValue, fact } from "./fact.ts";
import { z } from "./schema.ts";

/**
 * Whether the client did not wait for us: `beforeGreeting` (RFC 5321 3.1, 4.3.1), or `pipelining` before that was
 * offered (RFC 2920 3.1); the first of the two that it did. In `connect` it tells what came during the listener's
 * `greetingDelay`. `none`: it waited so far, or the host can not tell.
 */
export const EarlyTalk = fact("earlyTalk", {
  stage: "connect",
  scope: "session",
  schema: z.enum(["none", "beforeGreeting", "pipelining"]),
  fallback: "none",
});

/** How a client did not wait. */
export type EarlyTalkHow = Exclude<FactValue<typeof EarlyTalk>, "none">;

/**
 * The client's name by reverse DNS, as the `iprev` of RFC 8601 2.7.3: `pass` where a PTR record names a host that has the
 * client's address, `fail` where those there are do not, `permerror` where there is none, `temperror` where DNS did not
 * answer, `unknown` where nothing is known (yet). `name` is a host name in lower case with `pass` alone, else "". `ip`
 * says whose name it is: that of the client which connects.
 */
export const ClientName = fact("clientName", {
  stage: "connect",
  scope: "session",
  schema: z.object({
    result: z.enum(["pass", "fail", "permerror", "temperror", "unknown"]),
    name: z.string(),
    ip: z.string(),
  }),
  fallback: { result: "unknown", name: "", ip: "" },
});

/** All of them. */
export const ENGINE_FACTS: readonly AnyFact[] = [EarlyTalk, ClientName];

/** Their names. */
export type EngineFactName = (typeof EarlyTalk | typeof ClientName)["name"];

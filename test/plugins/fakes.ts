/** Runs single hooks of plugins with hand-made contexts. */
import type { Plugin } from "postern";

/** Calls a hook with what the test gives as its context. */
export async function runHook(
  plugin: Plugin,
  stage: "auth" | "mail" | "data" | "rcpt" | "route",
  ctx: object,
): Promise<unknown> {
  const hook = plugin.definition[stage];
  if (!hook) throw new Error(`${plugin.name} has no hook ${stage}`);
  return await hook(ctx as never);
}

export const path = (localPart: string, domain: string) => ({
  text: `${localPart}@${domain}`,
  localPart,
  domain,
  domainAscii: domain,
});

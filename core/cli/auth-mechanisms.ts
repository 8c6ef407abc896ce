/** The mechanisms of AUTH that a config's listeners offer (core/smtp/extensions.ts), for `check`. */
import type { GatewayConfig } from "../config/mod.ts";
import { compilePipeline } from "../pipeline/mod.ts";

/** In the order of EHLO; none where no plugin answers AUTH. */
export function authMechanisms({ pipeline }: GatewayConfig): readonly string[] {
  const { auth } = compilePipeline(pipeline).hooks;
  if (auth.length === 0) return [];
  const hasScram = auth.some(({ definition }) => definition.scram !== undefined);
  return [...(hasScram ? ["SCRAM-SHA-256"] : []), "PLAIN", "LOGIN"];
}

/** The plugins of a config as the banner, the page and `postern check` name them. */
import type { GatewayConfig } from "../config/mod.ts";
import { compilePipeline } from "../pipeline/mod.ts";

/** The names of the plugins in written order. */
export function pluginNames(config: GatewayConfig): readonly string[] {
  return compilePipeline(config.pipeline).slots.map((slot) => slot.definition.name);
}

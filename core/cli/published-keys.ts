/** The keys for signatures of a config's plugins. */
import type { GatewayConfig } from "../config/mod.ts";
import { compilePipeline, type PublishedKey } from "../pipeline/mod.ts";

/** In the order of the pipeline; none where no plugin signs. */
export function publishedKeys({ pipeline }: GatewayConfig): readonly PublishedKey[] {
  return compilePipeline(pipeline).slots.flatMap(({ definition }) => definition.publishedKeys ?? []);
}

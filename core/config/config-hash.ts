/** The hash that names a config in traces. Secrets stay out of it, as it is shown to people. */
import { compilePipeline } from "../pipeline/mod.ts";
import type { GatewayConfig } from "./gateway-config.ts";

/**
 * SHA-256 of the effective config as JSON with sorted keys, 12 hex digits. Of plugins it holds the definition's plain
 * values and the text of its functions; options hidden in closures do not change it.
 */
export async function hashConfig(config: Omit<GatewayConfig, "hash">): Promise<string> {
  const { pipeline, ...rest } = config;
  const plugins = compilePipeline(pipeline).slots.map((slot) => slot.definition);
  const bytes = new TextEncoder().encode(JSON.stringify(stable({ ...rest, plugins }, 0)));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest.subarray(0, 6), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const DEPTH_MAX = 12;

function stable(value: unknown, depth: number): unknown {
  if (typeof value === "function") return value.toString();
  if (typeof value === "bigint" || typeof value === "symbol") return String(value);
  if (typeof value !== "object" || value === null) return value;
  // Definitions may hold schemas with cycles; what is this deep says nothing about the config.
  if (depth > DEPTH_MAX || "_zod" in value) return null;
  if (Array.isArray(value)) return value.map((one) => stable(one, depth + 1));
  const entries = Object.entries(value).filter(([key]) => key !== "password");
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries.map(([key, one]) => [key, stable(one, depth + 1)]));
}

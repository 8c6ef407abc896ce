/** The door of core/config: what a config is made of, its checks, and the effective config. */

export { durationMs } from "../pipeline/mod.ts";
export { type CertificateChoice, type CertificateFiles, certificatesOf } from "./certificate-files.ts";
export { type ConfigFault, ConfigFaults, formatFault } from "./config-faults.ts";
export { defineGateway, type LoadedConfig } from "./define-gateway.ts";
export type { Size } from "./duration.ts";
export type {
  AdvertiseOverride,
  DialogueRule,
  DsnConfig,
  GatewayConfig,
  Limits,
  ListenerConfig,
  SocketAddress,
} from "./gateway-config.ts";
export type {
  AddressInput,
  DialogueRuleInput,
  Environment,
  GatewayConfigInput,
  GatewaySettingsInput,
  ListenerInput,
  RoutesMissing,
} from "./gateway-config-input.ts";
export {
  lmtp,
  type MailboxNextHop,
  type MxNextHop,
  mailbox,
  mx,
  type NextHop,
  type SmtpNextHop,
  type SmtpOptions,
  smtp,
  type TlsPins,
  type TlsPolicy,
} from "./next-hops.ts";
export { type ResolveOptions, resolveConfig } from "./resolve-config.ts";
export {
  RETRY_CLASSES,
  type RetryClass,
  type RetryOptions,
  type RetryPolicy,
  type RetryWaits,
  retryPolicyOf,
} from "./retry-policy.ts";
export { formatSocketAddress, isLoopback, parseSocketAddress } from "./socket-address.ts";

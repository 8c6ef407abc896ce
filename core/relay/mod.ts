/** The door of relay: drivers that carry deliveries to next hops, and the reader of the mailbox. */
export type { MailboxEntry, MailboxEnvelope, MailboxOptions, MailboxReader } from "./mailbox.ts";
export { createMailboxDriver } from "./mailbox.ts";
export { type MxHost, type MxOptions, type MxOutcome, mxCandidates } from "./mx-candidates.ts";
export { createMxDriver, type MxDriverOptions } from "./mx-driver.ts";
export { ownAddresses } from "./own-addresses.ts";
export type { SmtpDriverOptions } from "./smtp-driver.ts";
export { createSmtpDriver } from "./smtp-driver.ts";

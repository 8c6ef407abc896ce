/** The door of core/mail: addresses, replies, header fields, MIME, and the message. */
export * from "./address.ts";
export * from "./canonical.ts";
export * from "./content.ts";
export * from "./domain.ts";
export * from "./encoded-word.ts";
export * from "./header-address.ts";
export * from "./header-field.ts";
export * from "./header-section.ts";
export * from "./hidden-characters.ts";
export * from "./lenient-path.ts";
export * from "./message.ts";
export type * from "./message-view.ts";
export * from "./networks.ts";
export * from "./parameters.ts";
export { withPrefix } from "./piece-table.ts";
export * from "./reply.ts";
export * from "./sasl-prep.ts";
export * from "./scram.ts";

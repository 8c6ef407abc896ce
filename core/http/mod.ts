/** The door of core/http: the page, the API and the token that opens them. */

export { readOrCreateToken } from "./http-token.ts";
export { type HttpListener, type HttpOptions, listenHttp } from "./listen-http.ts";
export type { KeptMessage, MailboxReader } from "./message-index.ts";

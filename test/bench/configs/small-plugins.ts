/** Plugins of the size that sites write themselves: a fact here, a header field there, one look into the store. */
import { definePlugin, fact, reject, tempfail, z } from "postern";

const ClientClass = fact("clientClass", {
  stage: "connect",
  scope: "session",
  schema: z.enum(["near", "far", "unknown"]),
  fallback: "unknown",
});

/** `connect`: a fact of the session. */
export const clientClass = () =>
  definePlugin({
    name: "clientClass",
    needs: ["clientIp"],
    provides: [ClientClass],
    connect(ctx) {
      ctx.provide(ClientClass, /^(?:127|10)\./.test(ctx.client.ip) ? "near" : "far");
    },
  });

const GreetingShape = fact("greetingShape", {
  stage: "ehlo",
  scope: "session",
  schema: z.strictObject({ literal: z.boolean(), dotted: z.boolean() }),
  fallback: { literal: false, dotted: false },
});

/** `ehlo`: a fact that is an object. */
export const greetingShape = () =>
  definePlugin({
    name: "greetingShape",
    provides: [GreetingShape],
    ehlo(ctx) {
      const name = ctx.ehlo ?? "";
      ctx.provide(GreetingShape, { literal: name.startsWith("["), dotted: name.includes(".") });
    },
  });

const SenderDomain = fact("senderDomain", {
  stage: "mail",
  scope: "transaction",
  schema: z.strictObject({ name: z.string(), labels: z.int() }),
  fallback: { name: "", labels: 0 },
});

/** `mail`: a fact of the transaction. */
export const senderDomain = () =>
  definePlugin({
    name: "senderDomain",
    provides: [SenderDomain],
    mail(ctx) {
      const name = ctx.envelope.reversePath?.domainAscii ?? "";
      if (name === "blocked.example") return reject("5.7.1", "Mail from this domain is not taken");
      ctx.provide(SenderDomain, { name, labels: name.split(".").length });
      return undefined;
    },
  });

/** `mail`, asynchronous: a counter in the store. */
export const senderCount = () =>
  definePlugin({
    name: "senderCount",
    reads: [SenderDomain],
    async mail(ctx) {
      const count = await ctx.store.increment(`senderCount ${ctx.fact(SenderDomain).name}`, 1, 60_000);
      return count > 1e9 ? tempfail("4.7.1", "Too much mail at once, please try again later") : undefined;
    },
  });

const RecipientKind = fact("recipientKind", {
  stage: "rcpt",
  scope: "recipient",
  schema: z.enum(["person", "role", "unknown"]),
  fallback: "unknown",
});
const ROLES = new Set(["postmaster", "abuse", "info", "sales"]);

/** `rcpt`: a check of the recipient and a fact about it. */
export const recipientCheck = () =>
  definePlugin({
    name: "recipientCheck",
    provides: [RecipientKind],
    rcpt(ctx) {
      const { localPart } = ctx.recipient.forwardPath;
      if (localPart.startsWith("noreply")) return reject("5.1.1", "Nobody reads this address");
      ctx.provide(RecipientKind, ROLES.has(localPart.toLowerCase()) ? "role" : "person");
      return undefined;
    },
  });

const ListMail = fact("listMail", {
  stage: "data",
  scope: "transaction",
  schema: z.boolean(),
  fallback: false,
});

/** `data`: a header field is read. */
export const listMail = () =>
  definePlugin({
    name: "listMail",
    provides: [ListMail],
    data(ctx) {
      ctx.provide(ListMail, ctx.message.header.text("list-id") !== undefined);
    },
  });

const MessageAge = fact("messageAge", {
  stage: "data",
  scope: "transaction",
  schema: z.strictObject({ hours: z.number() }),
  fallback: { hours: 0 },
});

/** `data`: a date is parsed. */
export const messageAge = () =>
  definePlugin({
    name: "messageAge",
    provides: [MessageAge],
    data(ctx) {
      const date = Date.parse(ctx.message.header.text("date") ?? "");
      ctx.provide(MessageAge, {
        hours: Number.isNaN(date) ? 0 : Math.round((ctx.clock.now() - date) / 3_600_000),
      });
    },
  });

const Alignment = fact("alignment", {
  stage: "data",
  scope: "transaction",
  schema: z.enum(["same", "other", "unknown"]),
  fallback: "unknown",
});

/** `data`: the author's address is parsed and compared with a fact. */
export const alignment = () =>
  definePlugin({
    name: "alignment",
    reads: [SenderDomain],
    provides: [Alignment],
    data(ctx) {
      const author = ctx.message.header.addresses("from").mailboxes[0]?.domain.toLowerCase();
      ctx.provide(Alignment, author === ctx.fact(SenderDomain).name ? "same" : "other");
    },
  });

export const Score = fact("score", {
  stage: "data",
  scope: "transaction",
  schema: z.number(),
  fallback: 0,
});

/** `data`: facts of several stages are read, and one is made of them. */
export const scoring = () =>
  definePlugin({
    name: "scoring",
    reads: [ClientClass, GreetingShape, ListMail, MessageAge, Alignment, RecipientKind],
    provides: [Score],
    data(ctx) {
      let score = ctx.fact(ClientClass) === "near" ? 0 : 1;
      if (ctx.fact(GreetingShape).literal) score += 2;
      if (ctx.fact(ListMail)) score += 1;
      if (ctx.fact(MessageAge).hours > 24 * 365) score += 1;
      if (ctx.fact(Alignment) === "other") score += 1;
      if (ctx.recipients.some((recipient) => ctx.fact(RecipientKind, recipient) === "role")) score += 1;
      ctx.provide(Score, score);
      return score > 100 ? reject("5.7.1", "This message is not wanted") : undefined;
    },
  });

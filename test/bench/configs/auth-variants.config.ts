/** Measured as "auth-variants": by LMTP each recipient has a footer of its own, and each copy two signatures. */
import { defineGateway, definePlugin, pipeline, smtp } from "postern";
import { routes, sign } from "postern/plugins";

const footer = () =>
  definePlugin({
    name: "footer",
    edits: ["body"],
    async route(ctx) {
      const { localPart } = ctx.recipient.forwardPath;
      await ctx.message.appendText({ plain: `\r\n-- \r\nSent to ${localPart}\r\n` }, "a footer for each");
    },
  });

export default defineGateway((env) => ({
  hostName: "gateway.example",
  listeners: [{ kind: "lmtp", address: "127.0.0.1:0" }],
  data: env.POSTERN_DATA ?? ".postern",
  domains: ["rcpt.example"],
  limits: { messageBytesMax: "80MB" },
  pipeline: pipeline(
    footer(),
    routes([{ recipient: "*", nextHop: "sink" }]),
    sign({
      keys: [
        { domain: "sender.example", selector: "r", key: { env: "BENCH_RSA" } },
        { domain: "sender.example", selector: "e", key: { env: "BENCH_ED25519" } },
      ],
    }),
  ),
  nextHops: { sink: smtp(env.POSTERN_UPSTREAM ?? "") },
}));

/** Measured as "plugins": ten small plugins, as a site has them, before the routes; else as empty.config.ts. */
import { defineGateway, pipeline, smtp } from "postern";
import { headers, routes } from "postern/plugins";
import {
  alignment,
  clientClass,
  greetingShape,
  listMail,
  messageAge,
  recipientCheck,
  Score,
  scoring,
  senderCount,
  senderDomain,
} from "./small-plugins.ts";

export default defineGateway((env) => ({
  hostName: "gateway.example",
  listeners: [{ address: "127.0.0.1:0" }],
  http: "127.0.0.1:0",
  data: env.POSTERN_DATA ?? ".postern",
  pipeline: pipeline(
    clientClass(),
    greetingShape(),
    senderDomain(),
    senderCount(),
    recipientCheck(),
    listMail(),
    messageAge(),
    alignment(),
    scoring(),
    headers({
      facts: [Score],
      add: [
        { name: "X-Score", value: (ctx) => String(ctx.fact(Score)), reason: "the score of this gateway" },
      ],
    }),
    routes([{ recipient: "*", nextHop: "sink" }]),
  ),
  nextHops: { sink: smtp(env.POSTERN_UPSTREAM ?? "") },
}));

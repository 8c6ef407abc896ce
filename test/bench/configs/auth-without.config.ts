/** Measured as "auth-without": routes and nothing else, for clients that XCLIENT tells of, whom nobody trusts. */
import { defineGateway, pipeline, smtp } from "postern";
import { routes } from "postern/plugins";

export default defineGateway((env) => ({
  hostName: "gateway.example",
  listeners: [{ address: "127.0.0.1:0", xclient: ["127.0.0.0/8"], greetingDelay: 0 }],
  http: "127.0.0.1:0",
  data: env.POSTERN_DATA ?? ".postern",
  domains: ["rcpt.example"],
  dns: { servers: [env.BENCH_DNS ?? ""] },
  limits: { messagesPerSessionMax: 10_000_000 },
  pipeline: pipeline(routes([{ recipient: "*", nextHop: "sink" }])),
  nextHops: { sink: smtp(env.POSTERN_UPSTREAM ?? "") },
}));

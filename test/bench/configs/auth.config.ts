/** Measured as "auth": who sent it is found out and told; else as auth-without.config.ts. */
import { defineGateway, pipeline, smtp } from "postern";
import { authenticationResults, dkim, dmarc, routes, spf } from "postern/plugins";

export default defineGateway((env) => ({
  hostName: "gateway.example",
  listeners: [{ address: "127.0.0.1:0", xclient: ["127.0.0.0/8"], greetingDelay: 0 }],
  http: "127.0.0.1:0",
  data: env.POSTERN_DATA ?? ".postern",
  domains: ["rcpt.example"],
  dns: { servers: [env.BENCH_DNS ?? ""] },
  // Strangers have a bound of a thousand.
  limits: { messagesPerSessionMax: 10_000_000 },
  pipeline: pipeline(
    spf(),
    dkim(),
    dmarc({ onTemperror: "accept" }),
    authenticationResults(),
    routes([{ recipient: "*", nextHop: "sink" }]),
  ),
  nextHops: { sink: smtp(env.POSTERN_UPSTREAM ?? "") },
}));

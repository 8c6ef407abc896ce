/** Measured as "strangers": as empty.config.ts, but loopback is not trusted, as clients from the Internet are not. */
import { defineGateway, pipeline, smtp } from "postern";
import { routes } from "postern/plugins";

export default defineGateway((env) => ({
  hostName: "gateway.example",
  listeners: [{ address: "127.0.0.1:0", trustedNetworks: [] }],
  http: "127.0.0.1:0",
  data: env.POSTERN_DATA ?? ".postern",
  domains: ["rcpt.example"],
  pipeline: pipeline(routes([{ recipient: "*", nextHop: "sink" }])),
  nextHops: { sink: smtp(env.POSTERN_UPSTREAM ?? "") },
}));

/** Measured as "sessions": as empty.config.ts, but open to more sessions at once. */
import { defineGateway, pipeline, smtp } from "postern";
import { routes } from "postern/plugins";

export default defineGateway((env) => ({
  hostName: "gateway.example",
  listeners: [{ address: "127.0.0.1:0" }],
  http: "127.0.0.1:0",
  data: env.POSTERN_DATA ?? ".postern",
  pipeline: pipeline(routes([{ recipient: "*", nextHop: "sink" }])),
  nextHops: { sink: smtp(env.POSTERN_UPSTREAM ?? "") },
  limits: { sessionsMax: 10_000 },
}));

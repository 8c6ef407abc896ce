// The gateway's config. It runs as it is; change it, or copy it to your own project.
// `npx postern check` tells what is wrong with it, `npx postern dev` restarts at each change.
import { defineGateway, mailbox, pipeline, smtp } from "postern";
import { attachments, headers, routes, smtpAuth } from "postern/plugins";

export default defineGateway((env) => ({
  // Bound to loopback, any recipient is taken. Elsewhere only those in `domains`, from clients that did not log in.
  listeners: [{ address: env.POSTERN_SMTP ?? "127.0.0.1:2525" }],
  http: env.POSTERN_HTTP ?? "127.0.0.1:8025",
  data: env.POSTERN_DATA ?? ".postern",
  domains: env.POSTERN_DOMAINS,

  // Each message passes these in order; the first that refuses ends it.
  pipeline: pipeline(
    // auth: who may log in. `npx postern hash` makes the hashes: { "ann@example.com": "scrypt$..." }
    smtpAuth({ users: {} }),
    // filter: what is refused, by name, type and inside of archives.
    attachments({ refuse: { extensions: ["exe", "scr", "js", "vbs", "bat", "cmd"] } }),
    // rewrite: what is changed, each change with its reason.
    headers({
      add: [{ name: "X-Postern", value: "passed", reason: "shows that mail came through the gateway" }],
    }),
    // route: where it goes.
    routes([{ recipient: "*", nextHop: "backend" }]),
  ),

  // With POSTERN_UPSTREAM=host:port mail goes there, and our 250 follows its 250. Without, it is kept for the page.
  nextHops: { backend: env.POSTERN_UPSTREAM ? smtp(env.POSTERN_UPSTREAM) : mailbox() },
}));

// The gateway's config. It runs as it is; change it, or copy it to a project of your own.
// `npx postern check` says what is wrong with it, `npx postern dev` restarts at each change.
import { defineGateway, mailbox, pipeline, smtp } from "postern";
import { attachments, headers, routes, smtpAuth } from "postern/plugins";

export default defineGateway((env) => ({
  // On loopback every client is trusted and may name any recipient. On any other address only those in `domains` are
  // taken, but for clients that logged in or are in `trustedNetworks: ["192.0.2.0/24"]`. For STARTTLS and logins add
  // tls: { keyFile: "...", certFile: "..." }; kind: "submission" is port 587, "submissions" 465.
  listeners: [{ address: env.POSTERN_SMTP ?? "127.0.0.1:2525" }],
  domains: env.POSTERN_DOMAINS, // "example.com,example.org", or a list

  // The page, and where mail, traces and the page's token are kept.
  http: env.POSTERN_HTTP ?? "127.0.0.1:8025",
  data: env.POSTERN_DATA ?? ".postern",

  // limits: { messageBytesMax: "50MB", recipientsMax: 1000, sessionsMax: 1000, idle: "5m" },

  // Each message passes these in order; the first that refuses ends it. The compiler checks the order.
  pipeline: pipeline(
    // auth: who may log in, and write as whom. `npx postern hash` makes the hashes: { "ann@example.com": "scrypt$..." }
    smtpAuth({ users: {} }),

    // filter: files that are programs, by their names and what is in them, in archives and attached messages too.
    attachments({ refuse: { extensions: ["exe", "scr", "js", "vbs", "bat", "cmd"] } }),

    // rewrite: header fields; the page shows each change with its reason.
    headers({
      add: [{ name: "X-Postern", value: "passed", reason: "shows that mail came through the gateway" }],
    }),

    // route: the first entry that holds names the next hop. Put narrower ones before the last:
    // { recipient: "*@lists.example.com", nextHop: "lists" }, { sender: "<>", nextHop: "reports" }
    routes([{ recipient: "*", nextHop: "backend" }]),
  ),

  // With POSTERN_UPSTREAM=host:port mail goes there, and our 250 follows its 250. Without, it is kept for the page.
  nextHops: { backend: env.POSTERN_UPSTREAM ? smtp(env.POSTERN_UPSTREAM) : mailbox() },
}));

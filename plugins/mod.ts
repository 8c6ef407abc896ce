/** The door of the model plugins, the package "postern/plugins", with the helpers for options that they share. */
export * from "./auth/arc/arc.ts";
export * from "./auth/auth-results.ts";
export * from "./auth/dkim/dkim.ts";
export * from "./auth/dmarc/dmarc.ts";
export * from "./auth/dns/dnsbl.ts";
export * from "./auth/dns/iprev.ts";
export * from "./auth/results/authentication-results.ts";
export * from "./auth/results/trust.ts";
export * from "./auth/sign/sign.ts";
export * from "./auth/smtp-auth.ts";
export * from "./auth/spf/spf.ts";
export * from "./auth/srs/srs.ts";
export * from "./filter/attachments.ts";
export * from "./options.ts";
export * from "./rewrite/headers.ts";
export * from "./route/routes.ts";

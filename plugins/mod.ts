/** The door of the model plugins, the package "postern/plugins", with the helpers for options that they share. */
export * from "./auth/smtp-auth.ts";
export * from "./filter/attachments.ts";
export * from "./options.ts";
export * from "./rewrite/headers.ts";
export * from "./route/routes.ts";

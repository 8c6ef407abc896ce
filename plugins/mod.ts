/** The door of the model plugins, the package "postern/plugins". */
export * from "./auth/smtp-auth.ts";
export * from "./filter/attachments.ts";
export * from "./rewrite/headers.ts";
export * from "./route/routes.ts";

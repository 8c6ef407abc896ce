/** The SMTP listener host. */
export { listenSmtp, type SmtpListener } from "./listen-smtp.ts";
export type { ListenSmtpOptions, SessionCount, SessionOpener } from "./listener-options.ts";

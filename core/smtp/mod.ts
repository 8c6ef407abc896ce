/** The SMTP listener host. */
export { listenSmtp, type SmtpListener } from "./listen-smtp.ts";
export { isValid, placed } from "./listener-certificates.ts";
export type { ListenSmtpOptions, SessionCount, SessionOpener } from "./listener-options.ts";
export { type ListenerCertificate, readCertificate } from "./read-certificate.ts";

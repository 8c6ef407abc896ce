/** The door "postern/edge": the pipeline on platforms that hand over whole messages and have no process, no sockets. */
export { createEdge, type Edge, type EdgeContext, type EdgeOptions } from "./create-edge.ts";
export { resolveEdgeConfig } from "./edge-config.ts";
export { type ClientIpOf, type EmailMessage, EmailTempfail } from "./email-message.ts";

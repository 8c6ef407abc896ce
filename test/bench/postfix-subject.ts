/**
 * Measured as "postfix": a Postfix of its own with smtpd_proxy_filter, which relays while it receives, as the gateway
 * does inline. Mail is not queued; the log goes to a file.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostfix } from "../e2e/postfix.ts";
import { treeUsage } from "./process-tree.ts";
import type { Subject } from "./subjects.ts";

const COMMAND_MS_MAX = 60_000;

/** What the other subjects do not do either: TLS, checks of senders and of header fields; and their limit of size. */
const SETTINGS = `smtpd_tls_security_level = none
smtpd_tls_cert_file =
smtpd_tls_key_file =
smtpd_tls_received_header = no
smtpd_sender_restrictions =
header_checks =
message_size_limit = 52428800`;

/** Why Postfix can not be measured here, or false. */
export function postfixMissing(): string | false {
  if (process.platform !== "linux") return "its CPU time is read from /proc of Linux";
  if (process.getuid?.() !== 0) return "it needs root";
  const { status } = spawnSync("postconf", ["-d", "mail_version"], { timeout: COMMAND_MS_MAX });
  return status === 0 ? false : "it is not installed (Debian package postfix)";
}

/** Starts an instance in a temporary folder. */
export async function startPostfixSubject(nextHopPort: number): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), "postern-bench-"));
  // It is in no process group of ours: a measurement that is broken off must not leave it behind.
  const stopNow = (): void => {
    spawnSync("postfix", ["-c", join(folder, "config"), "stop"], { timeout: COMMAND_MS_MAX });
    rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", stopNow);
  const postfix = await startPostfix({
    folder,
    keyFile: "",
    certFile: "",
    service: `127.0.0.1:PORT inet n - n - - smtpd -o smtpd_proxy_filter=127.0.0.1:${nextHopPort}`,
    // Nothing is queued; the transport is asked for at RCPT all the same, whether it takes the recipient.
    settings: `${SETTINGS}\ndefault_transport = smtp:[127.0.0.1]:${nextHopPort}`,
  });
  const master = Number(readFileSync(join(folder, "queue/pid/master.pid"), "utf8"));
  return {
    port: Number(postfix.address.split(":").at(-1)),
    usage: async () => treeUsage(master),
    async end() {
      await postfix.stop();
      process.off("exit", stopNow);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * A real Dovecot (Debian package) as an instance of its own: config, sockets, log and mail lie in one folder, it takes
 * mail by LMTP and gives it by IMAP, on loopback alone, and a Dovecot of the system is not touched. Runs as root, where
 * mail belongs to nobody, or as any user, whose mail it is then. For the config of Dovecot 2.3: 2.4 has another syntax.
 */
import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants, readFileSync } from "node:fs";
import { chmod, chown, mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { userInfo } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./processes.ts";

const COMMAND_MS_MAX = 60_000;
const START_MS_MAX = 30_000;
/** nobody and nogroup: who owns the mail where root runs it. */
const MAIL_OWNER = 65534;
const PASSWORD = "of-a-test";

/** An instance. */
export interface Dovecot {
  /** "127.0.0.1:port" of its LMTP. */
  readonly lmtp: string;
  /** "unix:/path" of the same. */
  readonly lmtpSocket: string;
  readonly imapPort: number;
  /** The password of each mailbox. */
  readonly password: string;
  readonly log: () => string;
  /** Ends it by its own id, and waits for it and its children. */
  stop(): Promise<void>;
}

/** Why there can be no instance here, or false. */
export function dovecotMissing(): string | false {
  const commands = [
    ["dovecot", "dovecot-core"],
    ["/usr/lib/dovecot/lmtp", "dovecot-lmtpd"],
    ["/usr/lib/dovecot/imap", "dovecot-imapd"],
  ] as const;
  for (const [command, name] of commands) {
    if (commandFile(command) === undefined) return `${command} is not installed (Debian package ${name})`;
  }
  const version = spawnSync("dovecot", ["--version"], { encoding: "utf8" }).stdout.trim();
  return version.startsWith("2.3.") ? false : `this is Dovecot ${version}, and the test has a config for 2.3`;
}

/** The file of a command, by PATH or by its own path. */
export function commandFile(command: string): string | undefined {
  const files = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, command));
  return (command.startsWith("/") ? [command] : files).find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Writes the config of an instance and starts it. Mailboxes: ann@example.com and bob@example.com.
 *
 * @param folder short, as the path of a unix socket in it has 107 octets at most
 */
export async function startDovecot(folder: string): Promise<Dovecot> {
  const [lmtpPort, imapPort] = [await freePort(), await freePort()];
  const root = process.getuid?.() === 0;
  await chmod(folder, 0o755);
  await mkdir(join(folder, "mail"));
  if (root) await chown(join(folder, "mail"), MAIL_OWNER, MAIL_OWNER);
  await writeFile(
    join(folder, "users"),
    ["ann", "bob"].map((name) => `${name}@example.com:{PLAIN}${PASSWORD}\n`).join(""),
  );
  const config = join(folder, "dovecot.conf");
  await writeFile(config, dovecotConf(folder, { root, lmtpPort, imapPort }));
  const child = spawn("dovecot", ["-F", "-c", config], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString("utf8")));
  const ended = new Promise<void>((resolve) => {
    child.on("close", () => resolve());
    child.on("error", () => resolve());
  });
  let running = true;
  void ended.then(() => (running = false));
  const log = (): string => `${said}${readLog(join(folder, "log"))}`;
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), COMMAND_MS_MAX);
    await ended;
    clearTimeout(timer);
  };
  const until = Date.now() + START_MS_MAX;
  while (!(await answers(imapPort)) || !(await answers(lmtpPort))) {
    if (running && Date.now() < until) {
      await sleep(20);
      continue;
    }
    await stop();
    throw new Error(`Dovecot does not answer: ${log()}`);
  }
  return {
    lmtp: `127.0.0.1:${lmtpPort}`,
    lmtpSocket: `unix:${join(folder, "run", "lmtp")}`,
    imapPort,
    password: PASSWORD,
    log,
    stop,
  };
}

function dovecotConf(
  folder: string,
  { root, lmtpPort, imapPort }: { root: boolean; lmtpPort: number; imapPort: number },
): string {
  const { uid, gid, username } = userInfo();
  const owner = root ? `uid=${MAIL_OWNER} gid=${MAIL_OWNER}` : `uid=${uid} gid=${gid}`;
  // Who may not change to other users or roots runs all as itself.
  const own = ["imap-login", "anvil", "stats", "auth", "lmtp", "imap"]
    .map((service) => `service ${service} {\n  chroot =\n  user = ${username}\n}\n`)
    .join("");
  return `base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${folder}/log
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = maildir:${folder}/mail/%u
first_valid_uid = 1
postmaster_address = postmaster@example.com
hostname = dovecot.example
# Who may say by XCLIENT who its client is.
login_trusted_networks = 127.0.0.1
passdb {
  driver = passwd-file
  args = scheme=PLAIN ${folder}/users
}
userdb {
  driver = static
  args = ${owner} home=${folder}/mail/%u
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${lmtpPort}
  }
}
service imap-login {
  inet_listener imap {
    address = 127.0.0.1
    port = ${imapPort}
  }
  inet_listener imaps {
    port = 0
  }
}
${root ? "" : `default_internal_user = ${username}\ndefault_internal_group = ${groupName()}\ndefault_login_user = ${username}\n${own}`}`;
}

function groupName(): string {
  return spawnSync("id", ["-gn"], { encoding: "utf8" }).stdout.trim();
}

/** Whether somebody greets at a port. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.on("error", () => resolve(false));
    socket.on("close", () => resolve(false));
    socket.on("data", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

function readLog(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

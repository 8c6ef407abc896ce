/**
 * A real Postfix (Debian package) as an instance of its own: config, queue, data and mail lie in one folder, it listens
 * on one port of loopback, it sends nothing anywhere, and a Postfix of the system is not touched. Needs root, as
 * Postfix does. Mailboxes are maildirs, so that what it took can be read back.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { chmod, chown, mkdir, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./processes.ts";

const COMMAND_MS_MAX = 60_000;
const SETTLED_MS_MAX = 30_000;
const ENDED_MS_MAX = 10_000;
/** Characters of a log that a failure shows. */
const SHOWN_CHARACTERS_MAX = 3_000;
/** nobody and nogroup: who owns the mail. */
const MAIL_OWNER = 65534;
const QUEUES = ["maildrop", "incoming", "active", "deferred"];

/** One message in a mailbox. */
export interface Stored {
  readonly mailbox: string;
  /** The fields that Postfix put on top: Return-Path, X-Original-To, Delivered-To, Received. */
  readonly trace: string;
  /** What Postfix was given, with CRLF line ends as it was given: a maildir has LF. */
  readonly content: Buffer;
}

/** An instance. */
export interface Postfix {
  readonly address: string;
  start(): void;
  /** By its own stop command; waits until none of its processes is left, and rejects when one stays. */
  stop(): Promise<void>;
  /** Waits until nothing is queued, then gives what lies in the mailboxes, in the order of their names. */
  settled(): Promise<readonly Stored[]>;
  /** Empties the mailboxes. */
  clear(): void;
  /** Whether a process of it is left. */
  runs(): boolean;
  /** Waits until a message is deferred. */
  deferred(): Promise<void>;
  /** Tries now what is deferred. */
  flush(): void;
  /** What it logged. */
  log(): string;
}

export interface PostfixOptions {
  /** Open to others, as Postfix's own user must pass it. */
  readonly folder: string;
  readonly keyFile: string;
  readonly certFile: string;
  /** The entry of master.cf for the port, with `PORT` in place of its number. */
  readonly service: string;
  /** Lines of main.cf that stand in place of those of the same names. */
  readonly settings?: string;
}

/** Why there can be no instance here, or false. */
export function postfixMissing(): string | false {
  if (process.getuid?.() !== 0) return "Postfix needs root";
  for (const name of ["postfix", "swaks", "openssl"]) {
    if (!hasCommand(name)) return `${name} is not installed (Debian package ${name})`;
  }
  const hasTls = spawnSync("perl", ["-MNet::SSLeay", "-e", "1"]).status === 0;
  return hasTls ? false : "swaks has no TLS (Debian package libnet-ssleay-perl)";
}

function hasCommand(name: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Writes the config of an instance and starts it. Mailboxes: ann, bob and carol at example.com. */
export async function startPostfix(options: PostfixOptions): Promise<Postfix> {
  const { folder, service } = options;
  const port = await freePort();
  const [config, queue] = [join(folder, "config"), join(folder, "queue")];
  const [mail, log] = [join(folder, "mail"), join(folder, "log")];
  await chmod(folder, 0o755);
  for (const name of ["config", "queue", "data", "mail"]) await mkdir(join(folder, name));
  await chown(join(folder, "data"), ...userOf("postfix"));
  await chown(mail, MAIL_OWNER, MAIL_OWNER);
  await writeFile(join(config, "checks"), "/^Subject: refuse me/ REJECT That subject is not taken\n");
  await writeFile(join(config, "main.cf"), mainCf(options));
  await writeFile(join(config, "master.cf"), masterCf(service.replace("PORT", String(port))));

  const postfix = (command: string): void => {
    const { status, stderr, error } = spawnSync("postfix", ["-c", config, command], {
      timeout: COMMAND_MS_MAX,
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`postfix ${command}: ${error ?? stderr}\n${lastOf(log)}`);
  };
  const instance: Postfix = {
    address: `127.0.0.1:${port}`,
    start: () => postfix("start"),
    async stop() {
      postfix("stop");
      // The others end by themselves when the master process is gone.
      const until = Date.now() + ENDED_MS_MAX;
      for (let left = processesIn(queue); left.length > 0; left = processesIn(queue)) {
        if (Date.now() > until) throw new Error(`processes of Postfix are left: ${left.join(", ")}`);
        await sleep(20);
      }
    },
    async settled() {
      const until = Date.now() + SETTLED_MS_MAX;
      while (queued(queue)) {
        if (Date.now() > until) throw new Error(`mail is still queued: ${lastOf(log)}`);
        await sleep(20);
      }
      return readMailboxes(mail);
    },
    clear: () => {
      for (const name of readdirSync(mail)) rmSync(join(mail, name), { recursive: true });
    },
    runs: () => processesIn(queue).length > 0,
    async deferred() {
      const until = Date.now() + SETTLED_MS_MAX;
      while (!queued(queue, ["deferred"]) || queued(queue, ["maildrop", "incoming", "active"])) {
        if (Date.now() > until) throw new Error(`nothing is deferred: ${lastOf(log)}`);
        await sleep(20);
      }
    },
    flush: () => postfix("flush"),
    log: () => readLog(log),
  };
  instance.start();
  return instance;
}

function mainCf({ folder, keyFile, certFile, settings = "" }: Omit<PostfixOptions, "service">): string {
  const names = new Set(settings.split("\n").map((line) => line.split(" ", 1)[0]));
  const kept = baseCf({ folder, keyFile, certFile })
    .split("\n")
    .filter((line) => !names.has(line.split(" ", 1)[0]));
  return `${kept.join("\n")}\n${settings}\n`;
}

function baseCf({ folder, keyFile, certFile }: Omit<PostfixOptions, "service" | "settings">): string {
  return `compatibility_level = 3.6
queue_directory = ${folder}/queue
data_directory = ${folder}/data
maillog_file = ${folder}/log
maillog_file_prefixes = ${folder}
myhostname = postfix.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_peername_lookup = no
alias_maps =
alias_database =
# As Debian sets it up: STARTTLS for who wants it.
smtpd_tls_security_level = may
smtpd_tls_cert_file = ${certFile}
smtpd_tls_key_file = ${keyFile}
smtpd_tls_received_header = yes
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
smtpd_sender_restrictions = check_sender_access inline:{ { busy@example.net = 450 4.7.1 Come back later } }
header_checks = regexp:${folder}/config/checks
message_size_limit = 10240000
virtual_mailbox_domains = example.com
virtual_mailbox_base = ${folder}/mail
virtual_mailbox_maps = inline:{ { ann@example.com = ann/ }, { bob@example.com = bob/ }, { carol@example.com = carol/ } }
virtual_mailbox_limit = 0
virtual_uid_maps = static:${MAIL_OWNER}
virtual_gid_maps = static:${MAIL_OWNER}
default_transport = error:5.7.1 nothing leaves this machine
relay_transport = error:5.7.1 nothing leaves this machine
`;
}

function masterCf(service: string): string {
  return `${service}
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
error     unix  - - n - - error
retry     unix  - - n - - error
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
`;
}

function userOf(name: string): [uid: number, gid: number] {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((one) => one.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(":") ?? [];
  if (uid === undefined || gid === undefined) throw new Error(`there is no user ${name}`);
  return [Number(uid), Number(gid)];
}

/** Whether a message lies in a queue. It is there before Postfix says 250, and moves in the order of the list. */
function queued(folder: string, queues: readonly string[] = QUEUES): boolean {
  return queues.some((queue) =>
    readdirSync(join(folder, queue), { recursive: true, withFileTypes: true }).some((entry) =>
      entry.isFile(),
    ),
  );
}

function readMailboxes(mail: string): readonly Stored[] {
  return readdirSync(mail)
    .sort()
    .flatMap((mailbox) => {
      const folder = join(mail, mailbox, "new");
      return readdirSync(folder).map((file) => ({ mailbox, ...partTrace(readFileSync(join(folder, file))) }));
    });
}

function partTrace(stored: Buffer): Omit<Stored, "mailbox"> {
  const text = stored.toString("latin1");
  const fields =
    /^Return-Path: [^\n]*\nX-Original-To: [^\n]*\nDelivered-To: [^\n]*\nReceived: [^\n]*\n(?:[ \t][^\n]*\n)*/;
  const trace = fields.exec(text)?.[0] ?? "";
  return { trace, content: Buffer.from(text.slice(trace.length).replaceAll("\n", "\r\n"), "latin1") };
}

function processesIn(folder: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`) === folder;
      } catch {
        // It ended meanwhile.
        return false;
      }
    })
    .map(Number);
}

function lastOf(file: string): string {
  return readLog(file).slice(-SHOWN_CHARACTERS_MAX);
}

function readLog(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

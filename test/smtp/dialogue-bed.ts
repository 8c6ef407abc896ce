/** The listener of a dialogue: the real one, in front of the real engine, whose next hop keeps what it gets. */
import {
  ClientName,
  defineGateway,
  definePlugin,
  EarlyTalk,
  forRecipients,
  identify,
  type MessageVerdict,
  mailbox,
  pipeline,
  readAll,
  reject,
  resolveConfig,
  routeTo,
  tempfail,
} from "postern";
import { listenSmtp, type SmtpListener } from "../../core/smtp/mod.ts";
import { openBed } from "../gateway/engine-bed.ts";
import type { Check, Dialogue } from "./dialogue-file.ts";

/** What a next hop got, as the checks of a dialogue read it. */
export interface Got {
  readonly mail: string;
  readonly rcpt: readonly string[];
  /** Without the trace field that the gateway adds. */
  readonly content: string;
}

export interface DialogueBed {
  readonly listener: SmtpListener;
  got(): Promise<readonly Got[]>;
}

const WORDS = [
  ...["kind", "tls", "untrusted", "bareNewlines", "size", "recipients", "auth"],
  ...["smtputf8", "dsn", "requireTls", "nextHopSize", "lenient"],
  ...["xclient", "xforward", "upstreams", "trusted"],
];

/** What the content is told of single recipients. */
const MARKS: { readonly [localPart: string]: MessageVerdict } = {
  full: reject("5.2.2", "Mailbox full"),
  busy: tempfail("4.2.1", "Mailbox busy"),
};

const plugins = pipeline(
  definePlugin({
    name: "accounts",
    auth: ({ attempt }) => (attempt.password === "secret" ? identify({ user: attempt.user }) : undefined),
  }),
  definePlugin({
    name: "house",
    mail: ({ envelope }) =>
      envelope.reversePath?.localPart === "blocked" ? reject("5.7.1", "Not from you") : undefined,
    rcpt: ({ recipient }) =>
      recipient.forwardPath.localPart === "nobody" ? reject("5.1.1", "No such user") : undefined,
    data: ({ message, recipients }) => {
      if (message.header.text("Subject") === "refuse me") return reject("5.7.1", "Not this message");
      const marks = recipients.flatMap((recipient) => {
        const verdict = MARKS[recipient.forwardPath.localPart];
        return verdict === undefined ? [] : [{ recipient, verdict }];
      });
      return marks.length === 0 ? undefined : forRecipients(marks);
    },
  }),
  definePlugin({
    name: "tells",
    reads: [EarlyTalk, ClientName],
    rcpt(ctx) {
      if (ctx.recipient.forwardPath.localPart !== "tell") return undefined;
      const { result, name } = ctx.fact(ClientName);
      const about = `client [${ctx.client.ip}] ${result} ${name || "-"} ehlo ${ctx.ehlo ?? "-"}`;
      return reject("5.7.1", `${about} user ${ctx.identity?.user ?? "-"} early ${ctx.fact(EarlyTalk)}`);
    },
    data({ message, client }) {
      if (message.header.text("Subject") !== "tell me") return undefined;
      return reject("5.7.1", `client [${client.ip}] via [${client.via ?? "-"}] trusted ${client.trusted}`);
    },
  }),
  definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") }),
);

/** Starts one. @param tls PEM files, for the dialogues that ask for TLS */
export async function openDialogueBed(
  { listener: words }: Dialogue,
  tls: { readonly keyFile: string; readonly certFile: string },
): Promise<DialogueBed> {
  for (const word of words.keys())
    if (!WORDS.includes(word)) throw new TypeError(`no listener has '${word}'`);
  const kind = (words.get("kind") ?? "relay") as "relay" | "submission" | "submissions" | "lmtp";
  const settings = {
    hostName: "mx.example",
    domains: ["local.example"],
    nextHops: { backend: mailbox() },
    listeners: [
      {
        ...{ name: "relay", kind, address: "127.0.0.1:2525", greetingDelay: 0 },
        ...(words.has("tls") ? { tls } : {}),
        ...(words.has("untrusted") ? { trustedNetworks: [] } : {}),
        ...(words.has("upstreams") ? { upstreams: ["127.0.0.0/8", "10.0.0.0/8"] } : {}),
        ...(words.has("trusted") ? { trustedNetworks: ["127.0.0.0/8", "192.168.0.0/16"] } : {}),
        ...(words.has("xclient") ? { xclient: ["127.0.0.1"] } : {}),
        ...(words.has("xforward") ? { xforward: ["127.0.0.1"] } : {}),
        ...(words.has("lenient") ? { lenientAddresses: true } : {}),
        ...(words.has("bareNewlines") ? { bareNewlines: words.get("bareNewlines") as "normalise" } : {}),
      },
    ],
    limits: {
      ...(words.has("size") ? { messageBytesMax: Number(words.get("size")) } : {}),
      ...(words.has("recipients") ? { recipientsMax: Number(words.get("recipients")) } : {}),
    },
  };
  const config = await resolveConfig(defineGateway({ ...settings, pipeline: plugins }), {});
  const bed = await openBed({ pipeline: plugins, config: settings });
  const own = config.listeners[0];
  if (own === undefined) throw new Error("the config has no listener");
  const nextHopSize = words.get("nextHopSize");
  const listener = await listenSmtp(
    config,
    { ...own, address: { host: "127.0.0.1", port: 0 } },
    bed.gateway,
    {
      log: { debug() {}, info() {}, warn() {}, error: (event, fields) => console.error(event, fields) },
      authOffered: words.has("auth"),
      advertise: {
        ...{ smtputf8: words.has("smtputf8"), dsn: words.has("dsn"), requireTls: words.has("requireTls") },
        ...(nextHopSize === undefined ? {} : { size: Number(nextHopSize) }),
      },
      drainMs: 0,
    },
  );
  return { listener, got: () => Promise.all(bed.deliveries.map(gotOf)) };
}

async function gotOf({
  reversePath,
  parameters,
  recipients,
  content,
}: Awaited<ReturnType<typeof openBed>>["deliveries"][number]): Promise<Got> {
  const text = Buffer.from(await readAll(content)).toString("utf8");
  return {
    mail: shown(reversePath?.text ?? "", parameters),
    rcpt: recipients.map((one) => shown(one.forwardPath.text, one.parameters)),
    content: text.replace(/^Received: [\s\S]*?\r\n(?![ \t])/, ""),
  };
}

const shown = (path: string, parameters: object): string =>
  `<${path}>${Object.keys(parameters).length > 0 ? ` ${JSON.stringify(parameters)}` : ""}`;

/** What of a message a check is about. @param at how many checks of this kind came before */
export function checked(got: Got, about: Check["about"], at: number): string | undefined {
  return about === "rcpt" ? got.rcpt[at] : got[about];
}

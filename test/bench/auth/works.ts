/** One piece of work after the other in a process of its own, asked over IPC: what it costs in processor time. */
import { createHash, createPrivateKey, createPublicKey, sign as signBytes, verify } from "node:crypto";
import { authenticate } from "mailauth";
import { dkimSign } from "mailauth/lib/dkim/sign.js";
import { pipeline } from "postern";
import { authenticationResults, dkim, dmarc, routes, sign, spf } from "postern/plugins";
import { fixedResolver } from "../../../core/dns/mod.ts";
import { type AuthMaterial, CLIENT_EHLO, CLIENT_IP, SELECTOR, SENDER, SIGNED_DOMAIN } from "./material.ts";
import { plainHost } from "./plain-host.ts";

/** What to do. The material is that of the first order. */
export interface WorkOrder {
  readonly work: WorkName;
  readonly material: AuthMaterial;
  /** Begun anew for this long. */
  readonly forMs: number;
}

/** What it took. */
export interface WorkResult {
  readonly times: number;
  /** User and system time of the process, threads included, in microseconds. */
  readonly cpuUs: number;
}

type Work = () => unknown;

const toSink = () => routes([{ recipient: "*", nextHop: "sink" }]);
const fixedDns = ({ records }: AuthMaterial) =>
  fixedResolver(Object.fromEntries(Object.entries(records).map(([name, TXT]) => [name, { TXT }])));
const octets = (text: string): Buffer => Buffer.from(text, "latin1");
const RSA_INPUT_BYTES = 600;

/** Each is made once, says that it does what it should, and is then done again and again. */
const WORKS = {
  /** The engine without plugins. */
  async stranger(material: AuthMaterial): Promise<Work> {
    const host = await plainHost(pipeline(toSink()), fixedDns(material), CLIENT_IP);
    const message = octets(material.signed);
    return () => host.pass(message);
  },
  async verify(material: AuthMaterial): Promise<Work> {
    const plugins = pipeline(spf(), dkim(), dmarc(), authenticationResults(), toSink());
    const host = await plainHost(plugins, fixedDns(material), CLIENT_IP);
    const message = octets(material.signed);
    await host.pass(message);
    for (const method of ["spf", "dkim", "dmarc"]) expect(host.first(), `${method}=pass`);
    return () => host.pass(message);
  },
  async mailauthVerify(material: AuthMaterial): Promise<Work> {
    const message = octets(material.signed);
    const resolver = async (name: string, type: string): Promise<string[][]> => {
      const records = type === "TXT" ? material.records[name] : undefined;
      if (records === undefined) throw Object.assign(new Error(`no ${name}`), { code: "ENOTFOUND" });
      return records.map((record) => [record]);
    };
    // What our plugins do not do here is not asked of it either.
    const without = { disableArc: true, disableBimi: true };
    const asked = { sender: SENDER, ip: CLIENT_IP, helo: CLIENT_EHLO, mta: "gateway.example", resolver };
    const work = () => authenticate(message, { ...asked, ...without });
    const { headers } = await work();
    for (const method of ["spf", "dkim", "dmarc"]) expect(headers, `${method}=pass`);
    return work;
  },
  async own(material: AuthMaterial): Promise<Work> {
    const host = await plainHost(pipeline(toSink()), fixedDns(material), "127.0.0.1");
    const message = octets(material.unsigned);
    return () => host.pass(message);
  },
  async sign(material: AuthMaterial): Promise<Work> {
    const keys = [{ domain: SIGNED_DOMAIN, selector: SELECTOR, key: material.privateKey }];
    const host = await plainHost(pipeline(toSink(), sign({ keys })), fixedDns(material), "127.0.0.1");
    const message = octets(material.unsigned);
    await host.pass(message);
    expect(host.first(), "DKIM-Signature:");
    return () => host.pass(message);
  },
  async mailauthSign(material: AuthMaterial): Promise<Work> {
    const message = octets(material.unsigned);
    const by = { signingDomain: SIGNED_DOMAIN, selector: SELECTOR, privateKey: material.privateKey };
    const work = () => dkimSign(message, { ...by, signatureData: [by] });
    expect((await work()).signatures, "DKIM-Signature:");
    return work;
  },
  rsaSign(material: AuthMaterial): Work {
    const key = createPrivateKey(material.privateKey);
    const bytes = octets(material.unsigned).subarray(0, RSA_INPUT_BYTES);
    return () => signBytes("sha256", bytes, key);
  },
  rsaVerify(material: AuthMaterial): Work {
    const key = createPrivateKey(material.privateKey);
    const bytes = octets(material.unsigned).subarray(0, RSA_INPUT_BYTES);
    const signature = signBytes("sha256", bytes, key);
    const publicKey = createPublicKey(key);
    return () => verify("sha256", bytes, publicKey, signature);
  },
  sha256(material: AuthMaterial): Work {
    const message = octets(material.unsigned);
    return () => createHash("sha256").update(message).digest();
  },
} as const;

/** The pieces of work. */
export type WorkName = keyof typeof WORKS;

function expect(text: string, wanted: string): void {
  if (!text.includes(wanted)) throw new Error(`the work does not give "${wanted}": ${text.slice(0, 2000)}`);
}

let work: Work | undefined;

async function run({ work: name, material, forMs }: WorkOrder): Promise<WorkResult> {
  work ??= await WORKS[name](material);
  const until = performance.now() + forMs;
  const before = process.cpuUsage();
  let times = 0;
  for (; times === 0 || performance.now() < until; times += 1) await work();
  const { user, system } = process.cpuUsage(before);
  return { times, cpuUs: user + system };
}

process.on("message", (order: WorkOrder) => {
  void run(order).then((result) => process.send?.(result));
});
// By way of exit, which takes away the folder of content.
process.on("SIGTERM", () => process.exit());
process.on("disconnect", () => process.exit());

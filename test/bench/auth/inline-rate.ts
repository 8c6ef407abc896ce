/**
 * What the gateway as a process, over sockets, does with and without the plugins that find out who sent a message: its rate
 * with many sessions, and how much longer one session waits for the answer to its final dot. DNS is on loopback, and warm.
 */
import type { BenchOptions } from "../options.ts";
import type { Rig } from "../processes.ts";
import { type Figures, measure, type Scenario } from "../scenario.ts";
import { median } from "../statistics.ts";
import type { Verdict } from "../verdicts.ts";
import { answeringDns } from "./loopback-dns.ts";
import { type AuthMaterial, CLIENT_EHLO, CLIENT_IP } from "./material.ts";

const PER_SECOND_LEAST = 1_500;
const ADDED_MS_MAX = 1;
const SESSIONS = 10;

/** Figures of a part, and what they come to. */
export interface PartFigures {
  readonly scenario: Omit<Scenario, "sent" | "env">;
  readonly figures: readonly Figures[];
  readonly verdict: Verdict;
}

/** Messages a second of ten sessions. @param rsaUs what one RSA verify costs, where it was measured */
export async function measureInline(
  rig: Rig,
  material: AuthMaterial,
  options: BenchOptions & { readonly progress: (text: string) => void },
  rsaUs: number | undefined,
): Promise<PartFigures> {
  const { scenario, figures } = await run(rig, material, SESSIONS, options);
  const { perSecond, cpuUsPerMessage } = figures[1]!;
  const share = rsaUs === undefined ? "" : `, of which RSA ${((rsaUs / cpuUsPerMessage) * 100).toFixed(0)} %`;
  const verdict: Verdict = {
    target: `inline: messages/s with spf, dkim, dmarc and authenticationResults at least ${PER_SECOND_LEAST}`,
    found: `${perSecond.toFixed(0)} (CPU ${cpuUsPerMessage.toFixed(0)} us for a message${share})`,
    met: perSecond >= PER_SECOND_LEAST,
  };
  return { scenario, figures, verdict };
}

/** The answer to the final dot of one session, with and without. */
export async function measureLatency(
  rig: Rig,
  material: AuthMaterial,
  options: BenchOptions & { readonly progress: (text: string) => void },
): Promise<PartFigures> {
  const { scenario, figures } = await run(rig, material, 1, options);
  const [without, auth] = figures.map(({ rounds }) => rounds.map(({ answeredMs }) => answeredMs));
  const added = median(auth!.map((ms, round) => ms - without![round]!));
  const shown = `${median(auth!).toFixed(2)} ms in place of ${median(without!).toFixed(2)} ms`;
  const verdict: Verdict = {
    target: `latency: one session's answer to the final dot comes less than ${ADDED_MS_MAX} ms later`,
    found: `${added.toFixed(2)} ms (${shown}, medians)`,
    met: added < ADDED_MS_MAX,
  };
  return { scenario, figures, verdict };
}

async function run(
  rig: Rig,
  material: AuthMaterial,
  sessions: number,
  options: BenchOptions & { readonly progress: (text: string) => void },
) {
  const dns = await answeringDns(material);
  const scenario = {
    part: sessions === 1 ? "latency" : "inline",
    messageBytes: material.signed.length,
    kept: true,
    sessions,
    chunking: true,
    contenders: [
      { name: "without", subject: "auth-without" },
      { name: "auth", subject: "auth" },
    ],
  } as const;
  const sent = { message: material.signed, xclient: `ADDR=${CLIENT_IP} HELO=${CLIENT_EHLO}` };
  try {
    const figures = await measure(rig, { ...scenario, sent, env: { BENCH_DNS: dns.address } }, options);
    return { scenario, figures };
  } finally {
    await dns.close();
  }
}

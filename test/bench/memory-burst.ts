/** Peak memory of a gateway while it takes many large messages at once. */
import type { Rig } from "./processes.ts";
import { type SubjectName, startSubject } from "./subjects.ts";
import type { Verdict } from "./verdicts.ts";

/** Many messages at once, each in a session of its own. */
interface Burst {
  readonly subject: SubjectName;
  readonly messages: number;
  readonly messageBytes: number;
  readonly rssPeakBytesMax: number;
}

const BURSTS: readonly Burst[] = [
  { subject: "plugins", messages: 50, messageBytes: 20e6, rssPeakBytesMax: 250e6 },
  { subject: "empty", messages: 50, messageBytes: 25e6, rssPeakBytesMax: 250e6 },
];

const BURST_MS_MAX = 600_000;

/** Runs each burst on a server that was started for it. @throws Error when a message was not taken */
export async function measureBursts(
  rig: Rig,
  progress: (text: string) => void,
): Promise<{ readonly bursts: readonly object[]; readonly verdicts: readonly Verdict[] }> {
  const bursts: object[] = [];
  const verdicts: Verdict[] = [];
  for (const burst of BURSTS) {
    const { subject, messages, messageBytes, rssPeakBytesMax } = burst;
    progress(`${messages} messages of ${messageBytes / 1e6} MB at once: ${subject}`);
    const rssPeakBytes = await runBurst(rig, burst);
    bursts.push({ subject, messages, messageBytes, rssPeakBytes });
    verdicts.push({
      target: `burst: peak RSS of ${subject} with ${messages} messages of ${messageBytes / 1e6} MB at once under ${rssPeakBytesMax / 1e6} MB`,
      found: `${(rssPeakBytes / 1e6).toFixed(0)} MB`,
      met: rssPeakBytes < rssPeakBytesMax,
    });
  }
  return { bursts, verdicts };
}

async function runBurst(rig: Rig, { subject: name, messages, messageBytes }: Burst): Promise<number> {
  const subject = await startSubject(name, rig.sinkPort);
  try {
    const takenBefore = await rig.taken();
    const result = await rig.load({
      port: subject.port,
      messageBytes,
      sessions: messages,
      kept: true,
      forMs: BURST_MS_MAX,
      messagesMax: messages,
    });
    const taken = (await rig.taken()) - takenBefore;
    if (result.accepted < messages || taken < messages)
      throw new Error(
        `of ${messages} messages ${result.accepted} were accepted and ${taken} arrived: ${result.firstFault}`,
      );
    return (await subject.usage()).rssPeakBytes;
  } finally {
    await subject.end();
  }
}

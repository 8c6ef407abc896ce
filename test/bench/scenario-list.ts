/** The scenarios, in the order in which they are measured. */
import type { Contender, Scenario } from "./scenario.ts";
import type { SubjectName } from "./subjects.ts";

const SESSIONS = 10;
const contender = (name: SubjectName): Contender => ({ name, subject: name });
const OURS = (["baseline", "empty", "plugins"] as const).map(contender);

/** One gateway for each body, so that neither is measured with what the other left behind. */
const BODIES: readonly Contender[] = [
  { name: "text", subject: "empty" },
  { name: "dots", subject: "empty", body: "dots" },
];

/** All scenarios. @param withPostfix whether there can be one beside */
export function scenarioList(withPostfix: boolean): readonly Scenario[] {
  const beside = withPostfix ? [...OURS, contender("postfix")] : OURS;
  return [
    scenario("1kb-kept", 1e3, true, beside),
    { ...scenario("1kb-data", 1e3, true, beside), chunking: false },
    scenario("1kb-new", 1e3, false, beside),
    scenario("100kb-kept", 100e3, true, beside),
    scenario("100kb-new", 100e3, false, OURS),
    scenario("10mb-kept", 10e6, true, beside),
    scenario("10mb-new", 10e6, false, OURS),
    scenario("100kb-dots", 100e3, true, BODIES),
    scenario("10mb-dots", 10e6, true, BODIES),
  ];
}

function scenario(
  part: string,
  messageBytes: number,
  kept: boolean,
  contenders: readonly Contender[],
): Scenario {
  return { part, messageBytes, kept, sessions: SESSIONS, chunking: true, contenders };
}

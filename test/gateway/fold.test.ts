/** fold(): one answer of many verdicts, every combination under every policy, and the table of what verdicts mean. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { discard, type MessageVerdict, quarantine, reject, tempfail, VERDICTS_OF } from "postern";
import { type Folded, type FoldPolicy, fold } from "../../core/gateway/fold.ts";
import { VERDICT_MEANINGS } from "../../core/gateway/mod.ts";
import { RecipientState } from "../../core/gateway/recipient.ts";
import { forward } from "./engine-bed.ts";

const verdicts = {
  goOn: undefined,
  reject: reject("5.7.1", "no"),
  tempfail: tempfail("4.7.1", "later"),
  discard: discard("unwanted"),
  quarantine: quarantine("suspect"),
} as const satisfies { readonly [name: string]: MessageVerdict | undefined };
type Name = keyof typeof verdicts;

/** `refuse`, `tempfail`: all get that answer. `deliver`: nothing is kept aside; else what is. */
type Want = "refuse" | "tempfail" | "deliver" | "hold" | "defer" | "hold, defer";

/** Columns: refused and deferred copies can not be kept; only refused can; only deferred can; both can. */
const table: readonly [readonly Name[], Want, Want, Want, Want][] = [
  [["goOn"], "deliver", "deliver", "deliver", "deliver"],
  [["reject"], "refuse", "refuse", "refuse", "refuse"],
  [["tempfail"], "tempfail", "tempfail", "tempfail", "tempfail"],
  [["discard"], "deliver", "deliver", "deliver", "deliver"],
  [["quarantine"], "deliver", "deliver", "deliver", "deliver"],
  [["goOn", "goOn"], "deliver", "deliver", "deliver", "deliver"],
  [["goOn", "reject"], "refuse", "hold", "refuse", "hold"],
  [["goOn", "tempfail"], "tempfail", "tempfail", "defer", "defer"],
  [["goOn", "discard"], "deliver", "deliver", "deliver", "deliver"],
  [["goOn", "quarantine"], "deliver", "deliver", "deliver", "deliver"],
  [["reject", "reject"], "refuse", "refuse", "refuse", "refuse"],
  [["reject", "tempfail"], "tempfail", "tempfail", "tempfail", "tempfail"],
  [["reject", "discard"], "refuse", "hold", "refuse", "hold"],
  [["reject", "quarantine"], "refuse", "hold", "refuse", "hold"],
  [["tempfail", "tempfail"], "tempfail", "tempfail", "tempfail", "tempfail"],
  [["tempfail", "discard"], "tempfail", "tempfail", "defer", "defer"],
  [["tempfail", "quarantine"], "tempfail", "tempfail", "defer", "defer"],
  [["discard", "discard"], "deliver", "deliver", "deliver", "deliver"],
  [["discard", "quarantine"], "deliver", "deliver", "deliver", "deliver"],
  [["quarantine", "quarantine"], "deliver", "deliver", "deliver", "deliver"],
  [["goOn", "reject", "tempfail"], "tempfail", "tempfail", "refuse", "hold, defer"],
  [["discard", "reject", "tempfail"], "tempfail", "tempfail", "refuse", "hold, defer"],
];

const policies: readonly FoldPolicy[] = (["quarantine", "refuse", "dsn"] as const).flatMap((onMixedVerdict) =>
  (["all", "spool"] as const).flatMap((onMixedTempfail) =>
    [true, false].map((durableSpool) => ({ onMixedVerdict, onMixedTempfail, durableSpool })),
  ),
);

function column({ onMixedVerdict, onMixedTempfail, durableSpool }: FoldPolicy): 1 | 2 | 3 | 4 {
  if (!durableSpool) return 1;
  if (onMixedVerdict === "refuse") return onMixedTempfail === "all" ? 1 : 3;
  return onMixedTempfail === "all" ? 2 : 4;
}

function* orders<T>(list: readonly T[]): Generator<readonly T[]> {
  if (list.length < 2) yield list;
  else
    for (const [i, one] of list.entries())
      for (const rest of orders([...list.slice(0, i), ...list.slice(i + 1)])) yield [one, ...rest];
}

const recipientOf = (name: Name, n: number): RecipientState => {
  const forwardPath = forward(`${name}${n}@example.org`);
  const recipient = new RecipientState({ forwardPath, original: forwardPath, parameters: {}, rcpt: n });
  recipient.verdict = verdicts[name];
  return recipient;
};

function shown(folded: Folded): string {
  if (folded.kind === "answer") {
    assert.notEqual(folded.why, "");
    return folded.answer.kind === "reject" ? "refuse" : folded.answer.kind;
  }
  const kept = [folded.held.length > 0 ? "hold" : "", folded.deferred.length > 0 ? "defer" : ""];
  return kept.filter((word) => word !== "").join(", ") || "deliver";
}

describe("fold()", () => {
  for (const row of table) {
    it(`folds ${row[0].join(" + ")} under each policy, whatever the order of the recipients`, () => {
      for (const policy of policies) {
        for (const names of orders(row[0])) {
          const folded = fold(names.map(recipientOf), policy);
          const about = `${names.join(" + ")} under ${JSON.stringify(policy)}`;
          assert.equal(shown(folded), row[column(policy)], about);
        }
      }
    });
  }

  it("has a row for each pair of verdicts", () => {
    const names = Object.keys(verdicts) as Name[];
    const pairs = names.flatMap((a, i) => names.slice(i).map((b) => `${a} + ${b}`));
    const rows = table.map(([row]) => row.join(" + "));
    assert.deepEqual(
      pairs.filter((pair) => !rows.includes(pair)),
      [],
    );
  });

  it("gives held and deferred the very recipients that were refused and tempfailed", () => {
    const recipients = (["goOn", "reject", "tempfail", "reject"] as const).map(recipientOf);
    const policy = { onMixedVerdict: "quarantine", onMixedTempfail: "spool", durableSpool: true } as const;
    const folded = fold(recipients, policy);
    assert.equal(folded.kind, "deliver");
    if (folded.kind !== "deliver") return;
    assert.deepEqual([folded.held, folded.deferred], [[recipients[1], recipients[3]], [recipients[2]]]);
  });

  it("answers in the words of the first recipient that decided", () => {
    const recipients = (["goOn", "reject", "reject"] as const).map(recipientOf);
    recipients[2]!.verdict = reject("5.7.26", "later words");
    const policy = { onMixedVerdict: "refuse", onMixedTempfail: "all", durableSpool: true } as const;
    const folded = fold(recipients, policy);
    assert.deepEqual(folded.kind === "answer" && [folded.answer.enhanced, folded.answer.text], [
      "5.7.1",
      "no",
    ]);
  });

  it("leaves out a recipient that others replaced", () => {
    const recipients = (["reject", "goOn"] as const).map(recipientOf);
    recipients[0]!.expanded = true;
    const policy = { onMixedVerdict: "refuse", onMixedTempfail: "all", durableSpool: false } as const;
    assert.equal(shown(fold(recipients, policy)), "deliver");
  });
});

describe("VERDICT_MEANINGS", () => {
  it("has each verdict that says what becomes of a message, of every stage", () => {
    const elsewhere = ["identify", "identifyByProof", "routeTo", "forRecipients"];
    const all = new Set(Object.values(VERDICTS_OF).flat());
    assert.deepEqual(
      [...all].filter((verdict) => !elsewhere.includes(verdict)).sort(),
      Object.keys(VERDICT_MEANINGS).sort(),
    );
  });

  const rows = [
    { name: "reject", before: ["reject", "refused", "refused"], queued: ["failed", "failed", true] },
    { name: "tempfail", before: ["tempfail", "tempfailed", "deferred"], queued: ["due", "deferred", false] },
    {
      name: "disconnect",
      before: ["disconnect", "tempfailed", "deferred"],
      queued: ["due", "deferred", false],
    },
    { name: "discard", before: ["accepted", "taken", "discarded"], queued: ["ended", "discarded", false] },
    {
      name: "quarantine",
      before: ["accepted", "taken", "quarantined"],
      queued: ["held", "quarantined", false],
    },
  ] as const;
  for (const { name, before, queued } of rows) {
    it(`says of ${name}: ${before[1]} before acceptance, ${queued[0]} on a queued attempt`, () => {
      const meaning = VERDICT_MEANINGS[name];
      assert.deepEqual([meaning.before.answer, meaning.before.fold, meaning.before.outcome], before);
      assert.deepEqual([meaning.queued.state, meaning.queued.outcome, meaning.queued.dsn], queued);
    });
  }

  it("needs a durable spool for quarantine alone, and lets a DSN go for reject alone", () => {
    const names = Object.keys(VERDICT_MEANINGS) as (keyof typeof VERDICT_MEANINGS)[];
    assert.deepEqual(
      names.filter((name) => VERDICT_MEANINGS[name].before.needsSpool),
      ["quarantine"],
    );
    assert.deepEqual(
      names.filter((name) => VERDICT_MEANINGS[name].queued.dsn),
      ["reject"],
    );
  });
});

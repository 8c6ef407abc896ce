/** The hosts that mxCandidates gives where not every address may be connected to. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { A, type Case, look, shown } from "./mx-looks.ts";

describe("mxCandidates with addresses that may not be reached", () => {
  const mayReach = (ip: string) => !ip.startsWith("10.");
  const cases: readonly Case[] = [
    {
      name: "leaves them out, and the hosts that have no others",
      zone: {
        "a.example": { MX: ["1 in.example.", "2 both.example."] },
        ...{ "in.example": A("10.0.0.1"), "both.example": A("10.0.0.2", "192.0.2.2") },
      },
      want: ["2 both.example 192.0.2.2"],
    },
    {
      name: "has no host where there is nothing else",
      zone: { "a.example": A("10.0.0.1") },
      want: ["rejected 550 5.4.4"],
    },
    {
      name: "is undecided where one of the others can not be looked up",
      zone: {
        "a.example": { MX: ["1 in.example.", "2 dead.example."] },
        "in.example": A("10.0.0.1"),
        "dead.example": { A: "servfail" },
      },
      want: ["tempfailed 451 4.4.3"],
    },
    { name: "refuses them as literals", domain: "[10.0.0.1]", zone: {}, want: ["rejected 550 5.4.4"] },
    {
      name: "still goes no further than this gateway, whose address is one of them",
      zone: {
        "a.example": { MX: ["1 here.example.", "2 mx.example."] },
        "here.example": A("10.0.0.9"),
        "mx.example": A("192.0.2.1"),
      },
      want: ["rejected 554 5.4.6"],
    },
  ];
  for (const { name, domain = "a.example", zone, want } of cases) {
    it(name, async () => {
      const options = { mayReach, isOwnAddress: (ip: string) => ip === "10.0.0.9" };
      assert.deepEqual(shown(await look(domain, zone, options)), want);
    });
  }
});

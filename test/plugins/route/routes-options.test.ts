import { test } from "node:test";
import { routes } from "../../../plugins/route/routes.ts";
import { assertOptionError } from "../fakes.ts";

const WORDS = "recipient, sender, user, network, when, nextHop, mode, verifyRecipients, reject";
const OPTION_ERRORS: readonly { name: string; list: unknown; options?: unknown; want: readonly string[] }[] =
  [
    { name: "no list", list: undefined, want: ["routes: options: found nothing, expected a list of routes"] },
    {
      name: "an empty list",
      list: [],
      want: ["routes: options: found an empty list, expected at least one route"],
    },
    {
      name: "an entry that is none",
      list: [{ nextHop: "a" }, "backend"],
      want: [`routes: [1]: found "backend", expected an object with ${WORDS}`],
    },
    {
      name: "an unknown key",
      list: [{ recipients: "*", nextHop: "a" }],
      want: [`routes: [0].recipients: found an unknown option, expected one of: ${WORDS}`],
    },
    {
      name: "neither a next hop nor a refusal",
      list: [{ recipient: "*" }],
      want: ["routes: [0]: found an object, expected either 'nextHop' or 'reject'"],
    },
    {
      name: "a next hop and a refusal",
      list: [{ nextHop: "a", reject: { enhanced: "5.1.1", text: "No" } }],
      want: ["routes: [0]: found an object, expected either 'nextHop' or 'reject'"],
    },
    {
      name: "a mode of a refusal",
      list: [{ mode: "inline", reject: { enhanced: "5.1.1", text: "No" } }],
      want: ["routes: [0]: found an object, expected 'mode' only beside 'nextHop'"],
    },
    {
      name: "an unknown mode",
      list: [{ nextHop: "a", mode: "later" }],
      want: ["routes: [0].mode: found \"later\", expected 'inline' or 'queue'"],
    },
    {
      name: "verifyRecipients that is neither true nor an object",
      list: [{ nextHop: "a", verifyRecipients: "yes" }],
      want: [
        'routes: [0].verifyRecipients: found "yes", expected true, or an object with goodFor, badFor, timeout, undecided',
      ],
    },
    {
      name: "an unknown key of verifyRecipients",
      list: [{ nextHop: "a", verifyRecipients: { forGood: "1h" } }],
      want: [
        "routes: [0].verifyRecipients.forGood: found an unknown option, expected one of: goodFor, badFor, timeout, undecided",
      ],
    },
    {
      name: "times of verifyRecipients out of bounds",
      list: [{ nextHop: "a", verifyRecipients: { goodFor: "31d", badFor: "x", timeout: 99 } }],
      want: [
        'routes: [0].verifyRecipients.goodFor: found "31d", expected a duration up to 30d: milliseconds, or "5s", "2m", "4h"',
        'routes: [0].verifyRecipients.badFor: found "x", expected a duration up to 1d: milliseconds, or "5s", "2m", "4h"',
        'routes: [0].verifyRecipients.timeout: found 99, expected a duration from 100ms to 2m: milliseconds, or "5s", "2m", "4h"',
      ],
    },
    {
      name: "a refusal of what can not be verified",
      list: [{ nextHop: "a", verifyRecipients: { undecided: "reject" } }],
      want: ["routes: [0].verifyRecipients.undecided: found \"reject\", expected 'accept' or 'tempfail'"],
    },
    ...[
      { verifyRecipients: true, reject: { enhanced: "5.1.1", text: "No" } },
      { verifyRecipients: true, nextHop: "a", when: () => true },
    ].map((entry) => ({
      name: `verifyRecipients beside ${Object.keys(entry).at(-1)}`,
      list: [entry],
      want: [
        "routes: [0]: found an object, expected 'verifyRecipients' only beside 'nextHop' and without 'when', which is not known at RCPT",
      ],
    })),
    {
      name: "a recipient without a domain",
      list: [{ recipient: "ann", nextHop: "a" }],
      want: [
        "routes: [0].recipient[0]: found \"ann\", expected an address pattern as '*@example.com', or '*'",
      ],
    },
    {
      name: "the second recipient that is none",
      list: [{ recipient: ["*", "@one.example"], nextHop: "a" }],
      want: [
        "routes: [0].recipient[1]: found \"@one.example\", expected an address pattern as '*@example.com', or '*'",
      ],
    },
    {
      name: "a domain that no address has",
      list: [{ recipient: "*@one..example", nextHop: "a" }],
      want: [
        "routes: [0].recipient[0]: found \"*@one..example\", expected an address pattern as '*@example.com', or '*'",
      ],
    },
    {
      name: "the null path as a recipient",
      list: [{ recipient: "<>", nextHop: "a" }],
      want: [
        "routes: [0].recipient[0]: found \"<>\", expected an address pattern as '*@example.com', or '*'",
      ],
    },
    {
      name: "a number for a sender",
      list: [{ sender: 7, nextHop: "a" }],
      want: [
        "routes: [0].sender: found 7, expected an address pattern as '*@example.com', '*' or '<>', or a list of them",
      ],
    },
    {
      name: "no user",
      list: [{ user: [], nextHop: "a" }],
      want: ["routes: [0].user: found an empty list, expected a list that is not empty"],
    },
    {
      name: "a network that is none",
      list: [{ network: ["192.0.2.0/24", "192.0.2.0/33"], nextHop: "a" }],
      want: ["routes: [0].network[1]: found \"192.0.2.0/33\", expected a network as '192.0.2.0/24'"],
    },
    {
      name: "a condition that is no function",
      list: [{ when: true, nextHop: "a" }],
      want: ["routes: [0].when: found true, expected a function (ctx) => true or false"],
    },
    {
      name: "a next hop without a name",
      list: [{ nextHop: "" }],
      want: ['routes: [0].nextHop: found "", expected the name of a next hop'],
    },
    {
      name: "a next hop in place of its name",
      list: [{ nextHop: { kind: "smtp" } }],
      want: ["routes: [0].nextHop: found an object, expected the name of a next hop"],
    },
    {
      name: "a refusal with a code of the wrong class",
      list: [{ reject: { enhanced: "4.7.1", text: "No" } }],
      want: [
        "routes: [0].reject.enhanced: found \"4.7.1\", expected an enhanced status code of class 5, as '5.1.1'",
      ],
    },
    {
      name: "a refusal in two lines",
      list: [{ reject: { enhanced: "5.1.1", text: "No\r\n250 Yes" } }],
      want: ['routes: [0].reject.text: found "No\\r\\n250 Yes", expected one line of text for the client'],
    },
    {
      name: "an unknown option beside the list",
      list: [{ nextHop: "a" }],
      options: { fact: [] },
      want: ["routes: fact: found an unknown option, expected one of: facts, otherwise"],
    },
    {
      name: "another word for the rest",
      list: [{ nextHop: "a" }],
      options: { otherwise: "accept" },
      want: ["routes: otherwise: found \"accept\", expected 'refuse' or 'pass'"],
    },
  ];
for (const { name, list, options, want } of OPTION_ERRORS) {
  test(`routes tells ${name} in a line`, () => {
    assertOptionError(() => routes(list as never, options as never), want);
  });
}

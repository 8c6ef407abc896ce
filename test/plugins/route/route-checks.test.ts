import assert from "node:assert/strict";
import { test } from "node:test";
import { type RouteEntry, type RouteFunction, routes } from "../../../plugins/route/routes.ts";

type List = readonly (RouteEntry | RouteFunction)[];

/** What `check` says of a list for the domains. */
const check = (
  list: List,
  domains: readonly string[] = [],
  options: { otherwise?: "refuse" | "pass" } = {},
  durableSpool = false,
) => routes(list, options).definition.check?.({ domains, nextHops: [], durableSpool }) ?? [];
const all = (names: string) => `${names} all that it matches; put it before`;

const to = { nextHop: "inside" };
const TABLE: readonly { name: string; list: List; want: readonly string[] }[] = [
  {
    name: "one before what takes all",
    list: [
      { recipient: "a@one.example", ...to },
      { recipient: "*", ...to },
    ],
    want: [],
  },
  {
    name: "one after what takes all",
    list: [to, { recipient: "a@one.example", ...to }],
    want: [`routes[1] is never reached: routes[0] ${all("takes")}`],
  },
  {
    name: "the same one twice",
    list: [
      { recipient: "*@one.example", ...to },
      { recipient: "*@ONE.example", ...to },
    ],
    want: [`routes[1] is never reached: routes[0] ${all("takes")}`],
  },
  {
    name: "one that two take together",
    list: [
      { recipient: "*@one.example", ...to },
      { recipient: "*@two.example", ...to },
      { recipient: ["a@two.example", "b@one.example"], ...to },
    ],
    want: [`routes[2] is never reached: routes[0] and routes[1] ${all("take")}`],
  },
  {
    name: "one of whose patterns one is taken",
    list: [
      { recipient: "*@one.example", ...to },
      { recipient: ["a@one.example", "b@two.example"], ...to },
    ],
    want: [],
  },
  {
    name: "one that differs by a condition of the former",
    list: [{ user: "*", ...to }, { network: "192.0.2.0/24", ...to }, { sender: "<>", ...to }, to],
    want: [],
  },
  {
    name: "one with a condition after one without",
    list: [
      { recipient: "*@one.example", ...to },
      { recipient: "*@one.example", user: "*", ...to },
    ],
    want: [`routes[1] is never reached: routes[0] ${all("takes")}`],
  },
  {
    name: "one with a narrower sender",
    list: [
      { sender: ["*@one.example", "<>"], ...to },
      { sender: ["a@one.example", "<>"], ...to },
    ],
    want: [`routes[1] is never reached: routes[0] ${all("takes")}`],
  },
  {
    name: "one with the null sender after one with all others",
    list: [
      { sender: "*", ...to },
      { sender: "<>", ...to },
    ],
    want: [],
  },
  {
    name: "one with the same user",
    list: [
      { user: ["ann", "b*"], ...to },
      { user: "bob", ...to },
    ],
    want: [`routes[1] is never reached: routes[0] ${all("takes")}`],
  },
  {
    name: "one with the same network",
    list: [
      { network: ["192.0.2.0/24", "2001:db8::/32"], ...to },
      { network: "192.0.2.0/24", ...to },
    ],
    want: [`routes[1] is never reached: routes[0] ${all("takes")}`],
  },
  {
    name: "one with another network",
    list: [
      { network: "192.0.2.0/24", ...to },
      { network: "198.51.100.0/24", ...to },
    ],
    want: [],
  },
  { name: "one after a question to the content", list: [{ when: () => true, ...to }, to], want: [] },
  { name: "one after a function", list: [() => "inside", to], want: [] },
  {
    name: "a function after what takes all",
    list: [to, () => "inside"],
    want: [`routes[1] is never reached: routes[0] ${all("takes")}`],
  },
  {
    name: "one after a refusal of all",
    list: [{ reject: { enhanced: "5.1.1", text: "No" } }, to],
    want: [`routes[1] is never reached: routes[0] ${all("takes")}`],
  },
];
for (const { name, list, want } of TABLE) {
  test(`the check of routes ${want.length > 0 ? "tells" : "lets pass"} ${name}`, () => {
    assert.deepEqual(check(list), want);
  });
}

const missing = (domain: string) =>
  `no route matches the domain '${domain}': add { recipient: "*@${domain}", nextHop: ... }`;
const DOMAINS: readonly { name: string; list: List; domains: readonly string[]; want: readonly string[] }[] =
  [
    {
      name: "a domain by its pattern",
      list: [{ recipient: "*@one.example", ...to }],
      domains: ["one.example"],
      want: [],
    },
    {
      name: "a domain by one address of it",
      list: [{ recipient: "a@one.example", ...to }],
      domains: ["one.example"],
      want: [],
    },
    {
      name: "a domain by a star",
      list: [{ recipient: "*@*.example", ...to }],
      domains: ["one.example"],
      want: [],
    },
    { name: "all by a function", list: [() => undefined], domains: ["one.example"], want: [] },
    {
      name: "an A-label by its U-label",
      list: [{ recipient: "*@b\u00fccher.example", ...to }],
      domains: ["xn--bcher-kva.example"],
      want: [],
    },
    {
      name: "two domains that nothing matches",
      list: [{ recipient: "*@one.example", ...to }],
      domains: ["one.example", "two.example", "sub.one.example"],
      want: [missing("two.example"), missing("sub.one.example")],
    },
  ];
for (const { name, list, domains, want } of DOMAINS) {
  test(`the check of routes ${want.length > 0 ? "tells" : "finds a route for"} ${name}`, () => {
    assert.deepEqual(check(list, domains), want);
  });
}

test("the check of routes asks for no route of each domain where the rest passes to others", () => {
  assert.deepEqual(
    check([{ recipient: "*@one.example", ...to }], ["two.example"], { otherwise: "pass" }),
    [],
  );
});

test("check tells routes of mode queue where there is no durable spool to queue in", () => {
  const list: List = [
    { recipient: "a@*", ...to },
    { recipient: "*", ...to, mode: "queue" },
  ];
  assert.deepEqual(check(list), [
    'routes[1].mode: found "queue", expected "inline": there is no durable spool here, and without one accepted mail could be lost',
  ]);
  assert.deepEqual(check(list, [], {}, true), []);
});

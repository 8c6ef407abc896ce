/**
 * The ways to ask a gateway that serves served.example and bücher.example for relaying, and what a stranger hears. What
 * is relayed says how it must read at the next hop; nothing else may get there. "ID" stands for the id of a transaction.
 */

/** One recipient. */
export interface RelayCase {
  readonly name: string;
  /** What follows `RCPT TO:`. */
  readonly path: string;
  readonly want: string;
  /** The forward-path at the next hop; absent: nothing gets there. */
  readonly relayed?: string;
}

const TAKEN = "250 2.1.5 Recipient ok";
const DENIED = "550 5.7.1 Relaying denied (ref ID)";
const SYNTAX = "501 5.1.3 Syntax: RCPT TO:<address>";
const NOT_ASCII = "553 5.6.7 Non-ASCII address needs SMTPUTF8";
const PARAMETER = "555 5.5.4 Parameter not recognized";
const MALFORMED_PARAMETER = "501 5.5.4 Parameter malformed";

const taken = (name: string, path: string, relayed = path.slice(1, -1)): RelayCase => ({
  name,
  path,
  want: TAKEN,
  relayed,
});
const refused =
  (want: string) =>
  (name: string, ...paths: readonly string[]): readonly RelayCase[] =>
    paths.map((path) => ({ name, path, want }));
const denied = refused(DENIED);
const malformed = refused(SYNTAX);
const notAscii = refused(NOT_ASCII);

export const RELAY_CASES: readonly RelayCase[] = [
  taken("a served domain", "<bob@served.example>"),
  taken("a tag in the local part", "<bob+tag@served.example>"),
  ...denied("a domain not served", "<bob@elsewhere.example>", "<bob@notserved.example>"),
  ...denied("a domain below or above a served one", "<bob@sub.served.example>", "<bob@example>"),
  ...denied("a served domain as a part", "<bob@served.example.elsewhere.example>", "<bob@served>"),
  ...denied("this host itself", "<bob@localhost>", "<bob@gateway.example>"),

  ...denied(
    "percent hack",
    "<bob%elsewhere.example@served.example>",
    "<bob%elsewhere.example%served.example@served.example>",
    '<"bob%elsewhere.example"@served.example>',
    '<"bob\\%elsewhere.example"@served.example>',
  ),
  ...malformed(
    "percent sign in a domain",
    "<bob@served.example%elsewhere.example>",
    "<bob@served.example%2eelsewhere.example>",
    "<bob@served.example%00.elsewhere.example>",
  ),

  ...denied(
    "source route by way of us",
    "<@served.example:bob@elsewhere.example>",
    "<@served.example,@served.example:bob@elsewhere.example>",
    "<@served.example:bob%elsewhere.example@served.example>",
  ),
  // RFC 5321 4.1.1.3: the route is dropped, and the mailbox is ours.
  taken("source route to a served domain", "<@elsewhere.example:bob@served.example>", "bob@served.example"),
  ...malformed(
    "source route to nowhere",
    "<@served.example:>",
    "<@served.example:bob>",
    "<@elsewhere.example:postmaster>",
    "<@served.example;bob@elsewhere.example>",
  ),

  taken("quotes without need", '<"bob"@served.example>'),
  ...denied(
    "quoted @",
    '<"bob@elsewhere.example"@served.example>',
    '<"bob\\@elsewhere.example"@served.example>',
    '<"bob@elsewhere.example>"@served.example>',
    '<"bob@served.example"@elsewhere.example>',
    '<"bob"@elsewhere.example>',
  ),
  ...malformed(
    "@ or quotes out of place",
    "<bob\\@elsewhere.example@served.example>",
    '<bob"@elsewhere.example"@served.example>',
    '<"bob"@elsewhere.example"@served.example>',
    '<"bob@elsewhere.example@served.example>',
  ),

  ...denied(
    "bang path",
    "<elsewhere.example!bob@served.example>",
    "<served.example!elsewhere.example!bob@served.example>",
    "<served.example!bob@elsewhere.example>",
    '<"elsewhere.example!bob"@served.example>',
  ),
  ...malformed("bang path without a domain", "<elsewhere.example!bob>", "<served.example!bob>"),

  ...denied(
    "program, file, list or option as a local part",
    '<"|/bin/sh"@served.example>',
    "<|sh@served.example>",
    "</etc/passwd@served.example>",
    '<":include:/etc/passwd"@served.example>',
    "<-froot@served.example>",
    '<"bob\\\\@elsewhere.example"@served.example>',
  ),

  taken("letter case of a served domain", "<bob@SERVED.Example>"),
  taken("letter case of a local part", "<BOB@served.example>"),
  ...denied("letter case of a domain not served", "<bob@ELSEWHERE.Example>"),

  taken("A-label of a served IDN domain", "<bob@xn--bcher-kva.example>"),
  taken("A-label in capitals", "<bob@XN--BCHER-KVA.EXAMPLE>"),
  ...denied("A-label of a domain not served", "<bob@xn--mller-kva.example>"),
  ...malformed(
    "A-label that is none",
    "<bob@xn--bcher-kv.example>",
    "<bob@xn--served-.example>",
    "<bob@xn--.example>",
  ),
  // Nobody may name it in a transaction without SMTPUTF8 (RFC 6531 3.4).
  ...notAscii("U-label of a served IDN domain", "<bob@bücher.example>"),
  ...notAscii("U-label of a domain not served", "<bob@müller.example>"),
  ...notAscii(
    "letters that look or map like those of a served domain",
    "<bob@ｓerved.example>",
    "<bob@ѕerved.example>",
    "<bob@served。example>",
    "<bob@ser\u200bved.example>",
  ),

  ...malformed(
    "empty path or domain",
    "",
    "<>",
    "<@>",
    "<bob@>",
    "<bob>",
    "<@served.example>",
    "<served.example>",
    "<bob@[]>",
  ),
  taken("empty local part, quoted", '<""@served.example>'),
  ...malformed(
    "no or odd angle brackets",
    "bob@served.example",
    "<bob@served.example",
    "<<bob@served.example>>",
  ),
  ...malformed(
    "dots out of place",
    "<bob@.served.example>",
    "<bob@served..example>",
    "<.bob@served.example>",
  ),
  ...malformed("trailing dot", "<bob@served.example.>", "<bob@elsewhere.example.>"),
  ...malformed(
    "spaces, controls and comments",
    "<bob@ served.example>",
    "<bob @served.example>",
    "<bob@served.example >",
    "<bob@served.example(@elsewhere.example)>",
    "<bob(@elsewhere.example)@served.example>",
    "<bob@served.example\0@elsewhere.example>",
    "<bob\0@elsewhere.example@served.example>",
    "<bob@served.example\t@elsewhere.example>",
  ),
  ...malformed(
    "characters that end a host in a URL",
    "<bob@served.example/elsewhere.example>",
    "<bob@served.example#elsewhere.example>",
    "<bob@served.example?elsewhere.example>",
    "<bob@served.example:25>",
    "<bob@served.example\\elsewhere.example>",
  ),
  ...malformed("a local part longer than 64 octets", `<${"b".repeat(65)}@served.example>`),

  ...denied(
    "address literal",
    "<bob@[192.0.2.1]>",
    "<bob@[127.0.0.1]>",
    "<bob@[IPv6:::1]>",
    "<bob@[IPv6:2001:db8::1]>",
    "<bob@[IPv6:::ffff:127.0.0.1]>",
  ),
  ...malformed(
    "address without its brackets, or a name in them",
    "<bob@127.0.0.1>",
    "<bob@192.0.2.1>",
    "<bob@2130706433>",
    "<bob@#2130706433>",
    "<bob@[served.example]>",
    "<bob@[127.0.0.1>",
  ),

  ...malformed(
    "a domain behind another",
    "<bob@served.example@elsewhere.example>",
    "<bob@elsewhere.example@served.example>",
    "<bob@elsewhere.example>@served.example",
    "<bob@served.example>@elsewhere.example",
    "<bob@served.example>,<bob@elsewhere.example>",
    "<bob@served.example,bob@elsewhere.example>",
  ),
  ...refused(MALFORMED_PARAMETER)(
    "another address as a parameter, which is no keyword (RFC 5321 4.1.2)",
    "<bob@served.example> <bob@elsewhere.example>",
    "<bob@served.example>\t<bob@elsewhere.example>",
  ),
  ...refused(PARAMETER)(
    "another address in a parameter that is not offered",
    "<bob@served.example> ORCPT=rfc822;bob@elsewhere.example",
  ),

  taken("postmaster without a domain", "<postmaster>", "postmaster@served.example"),
  taken("postmaster without a domain, in capitals", "<POSTMASTER>", "POSTMASTER@served.example"),
  taken("postmaster of a served domain", "<Postmaster@served.example>"),
  ...denied(
    "postmaster of somebody else",
    "<postmaster@elsewhere.example>",
    "<postmaster%elsewhere.example@served.example>",
    '<"postmaster@elsewhere.example"@served.example>',
  ),
  ...malformed("postmaster at nothing", "<postmaster@>"),
];

/** Who a stranger may claim to be; each is refused a domain not served. */
export const CLAIMS: readonly {
  readonly name: string;
  readonly before?: readonly string[];
  readonly mail?: string;
}[] = [
  { name: "a sender of a served domain", mail: "FROM:<ann@served.example>" },
  { name: "the null sender", mail: "FROM:<>" },
  { name: "the postmaster", mail: "FROM:<postmaster@served.example>" },
  { name: "a sender by way of us", mail: "FROM:<@served.example:ann@elsewhere.example>" },
  { name: "loopback by EHLO", before: ["EHLO [127.0.0.1]"] },
  { name: "the gateway by HELO", before: ["HELO gateway.example"] },
  {
    name: "loopback by XCLIENT",
    before: ["EHLO client.example", "XCLIENT ADDR=127.0.0.1 LOGIN=ann@served.example"],
  },
  { name: "loopback by XFORWARD", before: ["EHLO client.example", "XFORWARD ADDR=127.0.0.1"] },
  { name: "loopback by PROXY", before: ["PROXY TCP4 127.0.0.1 127.0.0.1 1025 25", "EHLO client.example"] },
  { name: "a user by AUTH in the clear", before: ["EHLO client.example", "AUTH PLAIN AGFubgBhbm4="] },
];

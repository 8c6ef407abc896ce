/** What every resolver answers, whatever it asks: one table for the system's, DoH and the fixed one. */
import type { Zone } from "../../core/dns/mod.ts";
import type { DnsAnswer, DnsType } from "../../core/mod.ts";
import { type FakeAnswer, type FakeRecord, nameBytes, stringBytes, TYPES } from "./fake-dns-server.ts";

/** Two octets. */
export const u16 = (value: number): Uint8Array => Buffer.of(value >> 8, value & 255);
/** A record with the data of a type. */
export const record = (type: keyof typeof TYPES, ...data: readonly Uint8Array[]) => ({
  type: TYPES[type],
  data: Buffer.concat(data),
});

/** An alias as it stands among the records of an answer. */
const alias = (owner: string, target: string): FakeRecord => ({
  ...record("CNAME", nameBytes(target)),
  owner,
});

/** The longest text that an answer can hold nearly fills its 65,535 octets (RFC 1035 4.2.2). */
const LONGEST_STRINGS = 254;
const ADDRESSES = 4_000;
const addressOctets = (n: number) => [198, 18 + (n >> 16), (n >> 8) & 255, n & 255] as const;

/** What the servers of the contract have. */
export const CONTRACT_ANSWERS: { readonly [question: string]: FakeAnswer } = {
  [`addresses.example ${TYPES.A}`]: [
    { ...record("A", Buffer.of(192, 0, 2, 1)), ttl: 120 },
    { ...record("A", Buffer.of(192, 0, 2, 2)), ttl: 30 },
  ],
  [`addresses.example ${TYPES.AAAA}`]: [
    record("AAAA", Buffer.from("20010db8000000000000000000000001", "hex")),
  ],
  [`mail.example ${TYPES.MX}`]: [
    record("MX", u16(20), nameBytes("mx2.mail.example")),
    record("MX", u16(10), nameBytes("MX1.mail.example")),
  ],
  [`null-mx.example ${TYPES.MX}`]: [record("MX", u16(0), nameBytes(""))],
  [`_dmarc.mail.example ${TYPES.TXT}`]: [
    record("TXT", stringBytes("v=DMARC1;"), stringBytes(" p=reject"), stringBytes("; sp=none")),
    record("TXT", stringBytes("Z\xfcrich")),
  ],
  [`long.example ${TYPES.TXT}`]: [
    record("TXT", ...Array.from({ length: 4 }, () => stringBytes("k".repeat(255)))),
  ],
  [`longest.example ${TYPES.TXT}`]: [
    record("TXT", ...Array.from({ length: LONGEST_STRINGS }, () => stringBytes("k".repeat(255)))),
  ],
  [`many.example ${TYPES.A}`]: Array.from({ length: ADDRESSES }, (_, n) =>
    record("A", Buffer.from(addressOctets(n))),
  ),
  [`www.example ${TYPES.A}`]: [
    alias("www.example", "WEB.example"),
    alias("web.example", "host.example"),
    { ...record("A", Buffer.of(192, 0, 2, 7)), owner: "host.example" },
  ],
  "circle.example": [
    alias("circle.example", "round.example"),
    alias("round.example", "about.example"),
    alias("about.example", "circle.example"),
  ],
  "itself.example": [alias("itself.example", "itself.example")],
  [`1.2.0.192.in-addr.arpa ${TYPES.PTR}`]: [record("PTR", nameBytes("host.example"))],
  [`alias.example ${TYPES.CNAME}`]: [record("CNAME", nameBytes("target.example"))],
  [`mail.example ${TYPES.NS}`]: [record("NS", nameBytes("ns.mail.example"))],
  [`mail.example ${TYPES.SOA}`]: [
    record(
      "SOA",
      nameBytes("ns.mail.example"),
      nameBytes("root.mail.example"),
      Buffer.from("0000000100000002000000030000000400000005", "hex"),
    ),
  ],
  [`_25._tcp.mx1.mail.example ${TYPES.TLSA}`]: [record("TLSA", Buffer.of(3, 1, 1, 0xde, 0xad, 0x0b))],
  [`_dmarc.xn--zrich-kva.example ${TYPES.TXT}`]: [record("TXT", stringBytes("v=DMARC1"))],
  "empty.example": [],
  [`alias.example ${TYPES.A}`]: [record("CNAME", nameBytes("target.example"))],
  "failing.example": "servfail",
  "refusing.example": "refused",
  "silent.example": "silent",
  "garbled.example": "garbage",
  "noise.example": "noise",
  "cut.example": "cut",
  "truncated.example": "truncated",
};

/** The same as a zone; what a server garbles is a servfail in it. */
export const CONTRACT_ZONE: Zone = {
  "addresses.example": { A: ["192.0.2.1", "192.0.2.2"], AAAA: ["2001:db8::1"] },
  "mail.example": {
    MX: ["20 mx2.mail.example.", "10 MX1.mail.example."],
    NS: ["ns.mail.example."],
    SOA: ["ns.mail.example. root.mail.example. 1 2 3 4 5"],
  },
  "null-mx.example": { MX: ["0 ."] },
  "_dmarc.mail.example": { TXT: ["v=DMARC1; p=reject; sp=none", "Z\xfcrich"] },
  "long.example": { TXT: ["k".repeat(4 * 255)] },
  "longest.example": { TXT: ["k".repeat(LONGEST_STRINGS * 255)] },
  "many.example": { A: Array.from({ length: ADDRESSES }, (_, n) => addressOctets(n).join(".")) },
  "1.2.0.192.in-addr.arpa": { PTR: ["host.example."] },
  "_25._tcp.mx1.mail.example": { TLSA: ["3 1 1 dead0b"] },
  "_dmarc.xn--zrich-kva.example": { TXT: ["v=DMARC1"] },
  "empty.example": {},
  "alias.example": { CNAME: ["target.example."] },
  "target.example": {},
  "www.example": { CNAME: ["WEB.example."] },
  "web.example": { CNAME: ["host.example."] },
  "host.example": { A: ["192.0.2.7"] },
  "circle.example": { CNAME: ["round.example."] },
  "round.example": { CNAME: ["about.example."] },
  "about.example": { CNAME: ["circle.example."] },
  "itself.example": { CNAME: ["itself.example."] },
  "silent.example": { MX: "timeout" },
  "failing.example": { A: "servfail" },
  "refusing.example": { TXT: "servfail" },
  ...Object.fromEntries(
    ["garbled", "noise", "cut", "truncated"].map((name) => [`${name}.example`, { A: "servfail" }] as const),
  ),
};

/** One look-up, and the records or the outcome that it gives. */
export interface ContractCase {
  readonly name: string;
  readonly input: readonly [name: string, type: DnsType];
  readonly want: readonly string[] | DnsAnswer["status"];
  /** What c-ares makes of it, where it can not be told by what Node gives of an answer. */
  readonly wantOfSystem?: DnsAnswer["status"];
}

/** c-ares shows nothing of aliases. The server that is asked follows them itself, and says SERVFAIL to such ones. */
const inACircle = { want: "servfail", wantOfSystem: "nodata" } as const;

/** The contract. */
export const CONTRACT: readonly ContractCase[] = [
  { name: "gives all addresses of A", input: ["addresses.example", "A"], want: ["192.0.2.1", "192.0.2.2"] },
  {
    name: "takes a name with its final dot",
    input: ["addresses.example.", "A"],
    want: ["192.0.2.1", "192.0.2.2"],
  },
  { name: "asks for U-labels as A-labels", input: ["_dmarc.zürich.example", "TXT"], want: ["v=DMARC1"] },
  { name: "gives AAAA", input: ["addresses.example", "AAAA"], want: ["2001:db8::1"] },
  {
    name: "gives MX as a zone file has it",
    input: ["mail.example", "MX"],
    want: ["20 mx2.mail.example.", "10 MX1.mail.example."],
  },
  { name: "gives the root for a null MX (RFC 7505)", input: ["null-mx.example", "MX"], want: ["0 ."] },
  {
    name: "joins the strings of TXT without spaces, an octet a character",
    input: ["_dmarc.mail.example", "TXT"],
    want: ["v=DMARC1; p=reject; sp=none", "Z\xfcrich"],
  },
  { name: "joins strings of 255 octets", input: ["long.example", "TXT"], want: ["k".repeat(4 * 255)] },
  { name: "gives PTR", input: ["1.2.0.192.in-addr.arpa", "PTR"], want: ["host.example."] },
  { name: "gives CNAME", input: ["alias.example", "CNAME"], want: ["target.example."] },
  { name: "gives NS", input: ["mail.example", "NS"], want: ["ns.mail.example."] },
  {
    name: "gives SOA",
    input: ["mail.example", "SOA"],
    want: ["ns.mail.example. root.mail.example. 1 2 3 4 5"],
  },
  {
    name: "gives TLSA with its data in hex",
    input: ["_25._tcp.mx1.mail.example", "TLSA"],
    want: ["3 1 1 dead0b"],
  },
  { name: "says nxdomain where there is no such name", input: ["none.example", "A"], want: "nxdomain" },
  { name: "says nxdomain for every type of such a name", input: ["none.example", "TXT"], want: "nxdomain" },
  { name: "says nodata where the name has no such records", input: ["empty.example", "MX"], want: "nodata" },
  {
    name: "says nodata where an alias leads to no such record",
    input: ["alias.example", "A"],
    want: "nodata",
  },
  { name: "says servfail where the server fails", input: ["failing.example", "A"], want: "servfail" },
  { name: "says servfail where the server refuses", input: ["refusing.example", "TXT"], want: "servfail" },
  { name: "says timeout where the server is silent", input: ["silent.example", "MX"], want: "timeout" },
  { name: "does not take half an answer for none", input: ["garbled.example", "A"], want: "servfail" },
  { name: "nor octets that are no message", input: ["noise.example", "A"], want: "servfail" },
  { name: "nor one that breaks off", input: ["cut.example", "A"], want: "servfail" },
  { name: "nor one that says it is not whole", input: ["truncated.example", "A"], want: "servfail" },
  { name: "follows aliases", input: ["www.example", "A"], want: ["192.0.2.7"] },
  { name: "ends where aliases go in a circle", input: ["circle.example", "A"], ...inACircle },
  { name: "ends where an alias is its own", input: ["itself.example", "TXT"], ...inACircle },
  {
    name: "gives a text of 64 KB whole",
    input: ["longest.example", "TXT"],
    want: ["k".repeat(LONGEST_STRINGS * 255)],
  },
  {
    name: "gives as many addresses as an answer holds",
    input: ["many.example", "A"],
    want: Array.from({ length: ADDRESSES }, (_, n) => addressOctets(n).join(".")),
  },
  ...["", ".", "a..example", ".example", "a b.example", "a\u200bb.example"].map(
    (name): ContractCase => ({
      name: `says nxdomain for ${JSON.stringify(name)}, which is no name`,
      input: [name, "A"],
      want: "nxdomain",
    }),
  ),
  {
    name: "says nxdomain for a label of 64 octets",
    input: [`${"a".repeat(64)}.example`, "TXT"],
    want: "nxdomain",
  },
  {
    name: "says nxdomain for a name of more than 253 octets",
    input: [`${"a.".repeat(127)}example`, "MX"],
    want: "nxdomain",
  },
];

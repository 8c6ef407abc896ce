/** Addresses that a stranger's name may lead to, and those at which this gateway takes mail itself. */
import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { describe, it } from "node:test";
import { ownAddresses } from "../../core/relay/own-addresses.ts";
import { isPublicAddress, isThisMachine } from "../../core/relay/public-address.ts";

const PUBLIC = [
  ...["1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.0.0.1", "128.0.0.1"],
  ...["169.253.0.1", "172.15.0.1", "172.32.0.1", "192.0.1.1", "192.167.0.1", "198.17.0.1", "198.20.0.1"],
  ...["223.255.255.255", "2600::1", "2a00:1450:4025::1b", "3fff::1"],
  // NAT64 and 6to4 of public IPv4 addresses.
  ...["64:ff9b::101:101", "64:ff9b::1.1.1.1", "2002:101:101::1", "::ffff:1.1.1.1"],
];
const INNER = [
  ...["0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "127.0.0.1", "127.255.0.1"],
  ...["169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.168.0.1", "198.18.0.1"],
  ...["198.19.255.255", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"],
  ...["::", "::1", "::7f00:1", "fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1"],
  ...["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:7f00:1"],
  // The same through translators and tunnels.
  ...["64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:7f00:1::1", "2002:a00:1::", "2001::1"],
  ...["", "localhost", "1.2.3", "1.2.3.400", "::g", "[::1]"],
];

describe("isPublicAddress", () => {
  for (const ip of PUBLIC) it(`takes ${ip}`, () => assert.equal(isPublicAddress(ip), true));
  for (const ip of INNER) it(`does not take "${ip}"`, () => assert.equal(isPublicAddress(ip), false));
});

it("isThisMachine is loopback and the unspecified address, in every spelling", () => {
  for (const ip of ["127.0.0.1", "127.9.9.9", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1", "0:0::1"])
    assert.equal(isThisMachine(ip), true, ip);
  for (const ip of ["10.0.0.1", "128.0.0.1", "::2", "1.1.1.1", ""])
    assert.equal(isThisMachine(ip), false, ip);
});

describe("ownAddresses", () => {
  const listening = (...places: readonly (readonly [string, number])[]) =>
    places.map(([host, port]) => ({ address: { host, port } }));
  const [one] = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const machine = one?.address ?? "127.0.0.1";
  const cases: readonly {
    readonly name: string;
    readonly at: ReturnType<typeof listening>;
    readonly ip: string;
    readonly want: boolean;
  }[] = [
    { name: "a listener's own", at: listening(["192.0.2.1", 25]), ip: "192.0.2.1", want: true },
    { name: "one in another spelling", at: listening(["2001:db8::1", 25]), ip: "2001:db8:0::1", want: true },
    { name: "another one", at: listening(["192.0.2.1", 25]), ip: "192.0.2.2", want: false },
    {
      name: "that of a listener at another port",
      at: listening(["192.0.2.1", 587]),
      ip: "192.0.2.1",
      want: false,
    },
    { name: "the machine's with a wildcard", at: listening(["0.0.0.0", 25]), ip: machine, want: true },
    { name: "the machine's with that of IPv6", at: listening(["::", 25]), ip: machine, want: true },
    { name: "the machine's with one at another port", at: listening(["::", 587]), ip: machine, want: false },
    { name: "a stranger's with a wildcard", at: listening(["::", 25]), ip: "192.0.2.77", want: false },
    { name: "any without listeners", at: [], ip: machine, want: false },
    { name: "one of a listener by name", at: listening(["localhost", 25]), ip: "127.0.0.1", want: false },
  ];
  for (const { name, at, ip, want } of cases)
    it(`${want ? "has" : "does not have"} ${name}`, () => assert.equal(ownAddresses(at, 25)(ip), want));
});

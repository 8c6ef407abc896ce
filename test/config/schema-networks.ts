/** The keys of listeners that are networks: who is trusted, and who may say who the client is. */
import { given, type Key } from "./schema-keys.ts";

const listener = (key: string) => ({
  at: (value: unknown) => ({ listeners: [{ address: "127.0.0.1:0", ...given(key, value) }] }),
});

/** Every one of them. */
export const NETWORK_KEYS: readonly Key[] = [
  {
    path: "listeners[0].trustedNetworks",
    ...listener("trustedNetworks"),
    read: (config) => config.listeners[0]?.trustedNetworks,
    default: ["127.0.0.0/8", "::1/128"],
    takes: [
      [[], []],
      [
        ["10.0.0.0/8", "192.0.2.1", "2001:DB8::/32", "fc00::/7", "fe80::/10"],
        ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "fc00::/7", "fe80::/10"],
      ],
    ],
    refuses: ["10.0.0.0/8", {}],
    expected: "a list of networks",
  },
  {
    path: "listeners[0].proxyProtocol",
    ...listener("proxyProtocol"),
    read: (config) => config.listeners[0]?.proxyProtocol,
    default: [],
    takes: [
      [
        ["10.0.0.0/8", "2001:DB8::/32"],
        ["10.0.0.0/8", "2001:db8::/32"],
      ],
    ],
    refuses: ["10.0.0.0/8", true, null],
    expected: "a list of networks",
  },
  {
    path: "listeners[0].xclient",
    ...listener("xclient"),
    read: (config) => config.listeners[0]?.xclient,
    default: [],
    takes: [[["192.0.2.1"], ["192.0.2.1"]]],
    refuses: ["192.0.2.1", true, null],
    expected: "a list of networks",
  },
  {
    path: "listeners[0].xforward",
    ...listener("xforward"),
    read: (config) => config.listeners[0]?.xforward,
    default: [],
    takes: [
      [
        ["10.0.0.0/8", "2001:DB8::/32"],
        ["10.0.0.0/8", "2001:db8::/32"],
      ],
    ],
    refuses: ["10.0.0.0/8", true, null],
    expected: "a list of networks",
  },
  {
    path: "listeners[0].upstreams",
    ...listener("upstreams"),
    read: (config) => config.listeners[0]?.upstreams,
    default: [],
    takes: [
      [
        ["10.0.0.0/8", "2001:DB8::/32"],
        ["10.0.0.0/8", "2001:db8::/32"],
      ],
    ],
    refuses: ["10.0.0.0/8", true, null],
    expected: "a list of networks",
  },
  {
    path: "listeners[0].xforward[0]",
    at: (value) => listener("xforward").at(value === undefined ? undefined : [value]),
    read: (config) => config.listeners[0]?.xforward[0],
    default: undefined,
    takes: [["127.0.0.1", "127.0.0.1"]],
    refuses: ["0.0.0.0/0", "*", "mx.example"],
    expected:
      'a network such as "192.0.2.0/24" or "2001:db8::/32", no wider than /8, or /16 of IPv6: whoever is in it may say of whom it had a message',
  },
  {
    path: "listeners[0].upstreams[0]",
    at: (value) => listener("upstreams").at(value === undefined ? undefined : [value]),
    read: (config) => config.listeners[0]?.upstreams[0],
    default: undefined,
    takes: [["127.0.0.1", "127.0.0.1"]],
    refuses: ["0.0.0.0/0", "*", "mx.example"],
    expected:
      'a network such as "192.0.2.0/24" or "2001:db8::/32", no wider than /8, or /16 of IPv6: whoever is in it may name the client in its Received field',
  },
  {
    path: "listeners[0].xclient[0]",
    at: (value) => listener("xclient").at(value === undefined ? undefined : [value]),
    read: (config) => config.listeners[0]?.xclient[0],
    default: undefined,
    takes: [["::1", "::1"]],
    refuses: ["::/0", "*", 7],
    expected:
      'a network such as "192.0.2.0/24" or "2001:db8::/32", no wider than /8, or /16 of IPv6: whoever is in it may say who the client is',
  },
  {
    path: "listeners[0].proxyProtocol[0]",
    at: (value) => listener("proxyProtocol").at(value === undefined ? undefined : [value]),
    read: (config) => config.listeners[0]?.proxyProtocol[0],
    default: undefined,
    takes: [["127.0.0.1", "127.0.0.1"]],
    refuses: ["0.0.0.0/0", "*", "proxy.example"],
    expected:
      'a network such as "192.0.2.0/24" or "2001:db8::/32", no wider than /8, or /16 of IPv6: whoever is in it may say who the client is',
  },
  {
    path: "listeners[0].trustedNetworks[0]",
    at: (value) => listener("trustedNetworks").at(value === undefined ? undefined : [value]),
    read: (config) => config.listeners[0]?.trustedNetworks[0],
    default: "127.0.0.0/8",
    takes: [["10.0.0.0/8", "10.0.0.0/8"]],
    refuses: [
      ...["10.0.0/8", "10.0.0.0/33", "10.0.0.0/", "example.com", 7],
      ...["0.0.0.0/0", "0.0.0.0/00", "0.0.0.0/1", "128.0.0.0/1", "64.0.0.0/7", "::/0", "::/1", "2000::/3"],
      ...["2001::/15", "fc00::/6", "::ffff:0.0.0.0/0", "::ffff:0:0/96"],
    ],
    expected:
      'a network such as "192.0.2.0/24" or "2001:db8::/32", no wider than /8, or /16 of IPv6: whoever is in it may relay',
  },
];

/** The keys of a listener's certificates: the values they take and what becomes of them, and those they refuse. */
import { certificatesOf } from "../../core/config/mod.ts";
import { given, type Key } from "./schema-keys.ts";

const PEM = { keyFile: "k.pem", certFile: "c.pem" };

/** Every key of `tls`. */
export const CERTIFICATE_KEYS: readonly Key[] = [
  {
    path: "listeners[0].tls",
    at: (value) => ({ listeners: [{ address: "127.0.0.1:0", ...given("tls", value) }] }),
    read: (config) => config.listeners[0]?.tls,
    default: undefined,
    takes: [
      [PEM, PEM],
      [
        [PEM, { ...PEM, names: ["*.Bücher.example", "MX.example"] }],
        [PEM, { ...PEM, names: ["*.xn--bcher-kva.example", "mx.example"] }],
      ],
    ],
    refuses: ["k.pem", null],
    expected: "an object with keyFile, certFile, names, or a list of such objects",
  },
  {
    path: "listeners[0].tls",
    at: (value) => ({ listeners: [{ address: "127.0.0.1:0", ...given("tls", value) }] }),
    read: (config) => config.listeners[0]?.tls,
    default: undefined,
    takes: [],
    refuses: [[]],
    expected: "at least one certificate",
  },
  {
    path: "listeners[0].tls.keyFile",
    at: (value) => ({
      listeners: [{ address: 0, tls: value === undefined ? undefined : { ...PEM, keyFile: value } }],
    }),
    read: (config) => certificatesOf(config.listeners[0]?.tls)[0]?.files.keyFile,
    default: undefined,
    takes: [["other.pem", "other.pem"]],
    refuses: ["", 7],
    expected: "the path of a PEM file",
  },
  {
    path: "listeners[0].tls[1].certFile",
    at: (value) => ({
      listeners: [
        { address: 0, tls: value === undefined ? undefined : [PEM, { keyFile: "k.pem", certFile: value }] },
      ],
    }),
    read: (config) => certificatesOf(config.listeners[0]?.tls)[1]?.files.certFile,
    default: undefined,
    takes: [["other.pem", "other.pem"]],
    refuses: ["", 7],
    expected: "the path of a PEM file",
  },
  {
    path: "listeners[0].tls.names",
    at: (value) => ({ listeners: [{ address: 0, tls: { ...PEM, ...given("names", value) } }] }),
    read: (config) => certificatesOf(config.listeners[0]?.tls)[0]?.files.names,
    default: undefined,
    takes: [
      [
        ["mx.example", "*.mx.example"],
        ["mx.example", "*.mx.example"],
      ],
    ],
    refuses: ["mx.example", {}, null],
    expected: "a list of host names",
  },
  {
    path: "listeners[0].tls.names[0]",
    at: (value) => ({
      listeners: [{ address: 0, tls: { ...PEM, ...(value === undefined ? {} : { names: [value] }) } }],
    }),
    read: (config) => certificatesOf(config.listeners[0]?.tls)[0]?.files.names?.[0],
    default: undefined,
    takes: [["*.example", "*.example"]],
    refuses: [
      "",
      "*",
      "mx.*.example",
      "**.example",
      "mx example",
      "mx.example.",
      "[192.0.2.1]",
      "192.0.2.1",
      7,
    ],
    expected: 'a host name such as "mx.example.com" or "*.example.com"',
  },
];

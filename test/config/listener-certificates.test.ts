/** The certificates of a listener in its config: one pair or several, and what is wrong with several. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { certificatesOf } from "../../core/config/mod.ts";
import { good, linesOf, resolveLoose } from "./resolve-fixtures.ts";

const A = { keyFile: "a.key", certFile: "a.pem" };
const B = { keyFile: "b.key", certFile: "b.pem" };
const withTls = (tls: unknown) => ({ ...good, listeners: [{ address: 0, tls }] });

const FAULTS = [
  {
    name: "a name of two certificates, in whatever spelling",
    tls: [
      { ...A, names: ["mx.example", "bücher.example"] },
      { ...B, names: ["*.mx.example", "MX.example", "xn--bcher-kva.example"] },
    ],
    want: [
      'listeners[0].tls[1].names[1]: found "mx.example", expected a name of its own, because listeners[0].tls[0].names[0] is this one',
      'listeners[0].tls[1].names[2]: found "xn--bcher-kva.example", expected a name of its own, because listeners[0].tls[0].names[1] is this one',
    ],
  },
  {
    name: "a mistyped key in one of several",
    tls: [A, { ...B, name: ["mx.example"] }],
    want: [
      'listeners[0].tls[1].name: found an unknown key, expected one of keyFile, certFile, names; did you mean "names"?',
    ],
  },
  {
    name: "a pair without its key",
    tls: [A, { certFile: "b.pem" }],
    want: ["listeners[0].tls[1].keyFile: found nothing, expected the path of a PEM file"],
  },
  {
    name: "an empty list of names",
    tls: { ...A, names: [] },
    want: ["listeners[0].tls.names: found an empty list, expected at least one name"],
  },
];

describe("resolveConfig", () => {
  for (const { name, tls, want } of FAULTS) {
    it(`tells ${name}`, async () => assert.deepEqual(await linesOf(withTls(tls)), want));
  }
});

describe("certificatesOf", () => {
  const cases = [
    { name: "no tls", tls: undefined, want: [] },
    { name: "one pair", tls: A, want: [{ at: "", files: A }] },
    {
      name: "several",
      tls: [A, B],
      want: [
        { at: "[0]", files: A },
        { at: "[1]", files: B },
      ],
    },
  ];
  for (const { name, tls, want } of cases) {
    it(`gives of ${name} the list with places`, async () => {
      const config = await resolveLoose(withTls(tls));
      assert.deepEqual(certificatesOf(config.listeners[0]?.tls), want);
    });
  }
});

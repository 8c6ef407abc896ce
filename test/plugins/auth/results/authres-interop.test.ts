/** Our fields as a reader that we did not write understands them: Python's authres (Debian package python3-authres). */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { Arc } from "../../../../plugins/auth/auth-results.ts";
import { DMARC, type Found, fieldsOf, OUR_ID, SIGNATURE, SPF, sender } from "./results-bed.ts";

// Debian's own: another that stands before it in PATH may not see Debian's packages.
const PYTHON = "/usr/bin/python3";
const SCRIPT = `
import authres, json, sys
read = []
for text in json.load(sys.stdin):
    field = authres.AuthenticationResultsHeader.parse(text)
    read.append([field.authserv_id] + [[r.method, r.result, r.reason, ["%s.%s=%s" % (p.type, p.name, p.value) for p in r.properties]] for r in field.results])
print(json.dumps(read))
`;
const missing =
  spawnSync(PYTHON, ["-c", "import authres"]).status === 0
    ? false
    : "authres is not installed (Debian package python3-authres)";

const HOSTILE = 'no key"; dkim=pass (x)\r\n=?utf-8?q?=22=3B?= \\';
/** [method, result, reason, properties]; it leaves quoted pairs as they are written. */
type Read = readonly [string, string, string | null, readonly string[]];
const CASES: readonly { name: string; found: Found; reversePath?: string; want: readonly Read[] }[] = [
  { name: "no results", found: {}, want: [] },
  {
    name: "all methods",
    found: {
      iprev: { result: "fail", reason: "", name: "", ip: "2001:db8::1" },
      spf: SPF,
      dkim: {
        signatures: [SIGNATURE, { ...SIGNATURE, result: "fail", signature: "ab/+cd==" }],
        unchecked: 0,
      },
      dmarc: { ...DMARC, policyDomain: "example.net", policy: "reject" },
      arc: { ...Arc.fallback, result: "pass" },
    },
    want: [
      ["iprev", "fail", null, ["policy.iprev=2001:db8::1"]],
      ["spf", "pass", null, ["smtp.mailfrom=a@outside.example"]],
      [
        ...(["dkim", "pass", null] as const),
        [
          "header.d=example.net",
          "header.i=@example.net",
          "header.s=sel",
          "header.a=rsa-sha256",
          "header.b=dzdVyOfA",
        ],
      ],
      [
        ...(["dkim", "fail", null] as const),
        [
          "header.d=example.net",
          "header.i=@example.net",
          "header.s=sel",
          "header.a=rsa-sha256",
          "header.b=ab/+cd==",
        ],
      ],
      ["dmarc", "pass", null, ["header.from=example.net", "policy.dmarc=reject"]],
      ["arc", "pass", null, ["header.oldest-pass=0", "smtp.remote-ip=203.0.113.9"]],
    ],
  },
  {
    name: "a reason",
    found: { spf: { ...SPF, result: "temperror", reason: "DNS did not answer" } },
    want: [["spf", "temperror", "DNS did not answer", ["smtp.mailfrom=a@outside.example"]]],
  },
  {
    name: "a hostile reason and a hostile local part",
    found: { spf: { ...SPF, result: "fail", reason: HOSTILE } },
    reversePath: '"x; dkim=pass"@outside.example',
    want: [
      [
        ...(["spf", "fail", 'no key\\"; dkim=pass (x) _?utf-8?q?=22=3B?= \\\\'] as const),
        ['smtp.mailfrom="x; dkim=pass"@outside.example'],
      ],
    ],
  },
];

describe("authres reads in our field", { skip: missing }, () => {
  for (const { name, found, reversePath = "a@outside.example", want } of CASES) {
    it(name, async () => {
      const send = await sender(found);
      const [field = ""] = fieldsOf(await send({ reversePath }));
      const input = JSON.stringify([field.replace(/\r\n/g, "")]);
      const [read] = JSON.parse(execFileSync(PYTHON, ["-c", SCRIPT], { input, encoding: "utf8" }));
      assert.deepEqual(read, [OUR_ID, ...want]);
    });
  }
});

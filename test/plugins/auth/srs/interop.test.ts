/**
 * Ways back between servers with one secret: Mail::SRS (Perl, Debian package libmail-srs-perl) and postsrsd read what we
 * write and we read what they write; in chains each reads what it wrote itself, however the others rewrote it. What they do
 * in another way is in tables, by name.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { webCrypto } from "../../../../core/gateway/mod.ts";
import { addressOf, type Parts, type SrsSigner, srsOf } from "../../../../plugins/auth/srs/srs-address.ts";
import { temporaryFolder } from "../../../e2e/processes.ts";
import { missingParty, partyLines } from "../parties.ts";
import { type Postsrsd, startPostsrsd } from "./postsrsd.ts";

const DAY = 86_400_000;
const DOMAIN = "inside.example";
const KEYS = ["the secret that all of them have", "one that some of them had before"];
/** As they are by default. */
const HASH_CHARACTERS = 4;
const signerOf = (more: Partial<SrsSigner> = {}): SrsSigner => ({
  crypto: webCrypto,
  keys: KEYS.map((key) => new TextEncoder().encode(key)),
  hashCharacters: HASH_CHARACTERS,
  ageDaysMax: 21,
  ...more,
});

/** A server: answers are an address, or "!" and why there is none. */
interface Party {
  forward(address: string, nowMs: number): Promise<string>;
  reverse(address: string, nowMs: number): Promise<string>;
}

const partsOf = (address: string): Parts => {
  const at = address.lastIndexOf("@");
  return { localPart: address.slice(0, at), domain: address.slice(at + 1).toLowerCase() };
};
const ours = (domain = DOMAIN, signer = signerOf()): Party => ({
  forward: async (address, nowMs) => `${await srsOf(partsOf(address), nowMs, signer)}@${domain}`,
  async reverse(address, nowMs) {
    const back = await addressOf(partsOf(address).localPart, nowMs, signer);
    return typeof back === "string" ? `!${back}` : `${back.localPart}@${back.domain}`;
  },
});
const perl = (domain = DOMAIN, { keys = KEYS, hashCharacters = HASH_CHARACTERS } = {}): Party => {
  const script = fileURLToPath(new URL("mail-srs.pl", import.meta.url));
  const asked = (way: string) => async (address: string, nowMs: number) => {
    const job = { way, address, domain, keys, hashCharacters, nowSeconds: Math.floor(nowMs / 1000) };
    const [line = ""] = await partyLines(["perl", script], [job]);
    return line;
  };
  return { forward: asked("forward"), reverse: asked("reverse") };
};

const noPerl = missingParty(["perl", "-MMail::SRS", "-e", "1"], "Mail::SRS (libmail-srs-perl)");
const noPostsrsd = existsSync("/usr/sbin/postsrsd") ? false : "postsrsd is not installed here";
/** The daemon, once it runs; it has no clock but the real one. */
let daemon: Postsrsd | undefined;
const postsrsd: Party = {
  forward: async (address) => (await daemon?.forward(address)) ?? "!it does not run",
  reverse: async (address) => (await daemon?.reverse(address)) ?? "!it does not run",
};
const PARTIES = [
  { name: "Mail::SRS", party: perl(), skip: noPerl },
  { name: "postsrsd", party: postsrsd, skip: noPostsrsd },
] as const;

/** Addresses that all write in one way, but for the case of domains. */
const ADDRESSES: readonly { readonly name: string; readonly address: string }[] = [
  { name: "a plain address", address: "ann@outside.example" },
  { name: "capitals in the local part", address: "Ann.Lee@outside.example" },
  { name: "equals signs in the local part", address: "prvs=1234=ann@outside.example" },
  { name: "separators in the local part", address: "ann+list-owner=bob@outside.example" },
  { name: "all signs of an atom in the local part", address: "!#$%&'*/?^_`{|}~@outside.example" },
  { name: "characters beyond ASCII in the local part", address: "jürgen.ß@outside.example" },
  { name: "A-labels", address: "ann@xn--bcher-kva.example" },
  { name: "a rewritten local part of 64 octets", address: `${"a".repeat(31)}@outside.example.com` },
  { name: "an SRS0 of another", address: "SRS0=Zf+/=TT=first.example=ann@second.example" },
  { name: "an SRS0+ of another", address: "SRS0+Zf+/=TT=first.example=ann@second.example" },
  { name: "an SRS0- of another", address: "SRS0-Zf+/=TT=first.example=ann@second.example" },
  { name: "an SRS1 of another", address: "SRS1=x7z3=first.example==abcd=TT=o.example=ann@second.example" },
  { name: "an SRS1+ of another", address: "SRS1+x7z3=first.example=-abcd=TT=o.example=ann@second.example" },
  { name: "an SRS0 in small letters", address: "srs0=abcd=tt=first.example=ann@second.example" },
];

/** What a way back leads to: an SRS1 to the address at the server that is named in it, whose tag is in capitals. */
const WAYS: { readonly [address: string]: string } = {
  "SRS1=x7z3=first.example==abcd=TT=o.example=ann@second.example": "SRS0=abcd=TT=o.example=ann@first.example",
  "SRS1+x7z3=first.example=-abcd=TT=o.example=ann@second.example": "SRS0-abcd=TT=o.example=ann@first.example",
  "srs0=abcd=tt=first.example=ann@second.example": "SRS0=abcd=tt=first.example=ann@second.example",
};

describe("srsOf and addressOf beside others", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  before(async () => {
    folder = await temporaryFolder();
    if (noPostsrsd === false) daemon = await startPostsrsd(folder.path, { domain: DOMAIN, keys: KEYS });
  });
  after(async () => {
    await daemon?.stop();
    await folder.remove();
  });

  for (const { name, party, skip } of PARTIES) {
    for (const { name: kind, address } of ADDRESSES) {
      test(`srsOf writes ${kind} as ${name} does, and each takes it back`, { skip }, async () => {
        const nowMs = Date.now();
        const [mine, theirs] = [await ours().forward(address, nowMs), await party.forward(address, nowMs)];
        // One of the two may have been asked after midnight.
        assert.equal(stampless(mine), stampless(theirs));
        const want = WAYS[address] ?? address;
        for (const rewritten of [mine, theirs]) {
          const octets = Buffer.byteLength(partsOf(rewritten).localPart);
          assert.ok(kind.includes("64 octets") ? octets === 64 : octets <= 64, rewritten);
          assert.equal(await ours().reverse(rewritten, nowMs), want);
          assert.equal(await party.reverse(rewritten, nowMs), want);
        }
      });
    }

    test(`addressOf and ${name} take a hash whose letter case another server changed`, { skip }, async () => {
      const made = await party.forward("ann@outside.example", Date.now());
      for (const changed of [made.toLowerCase(), made.toUpperCase()]) {
        for (const one of [ours(), party])
          assert.equal((await one.reverse(changed, Date.now())).toLowerCase(), "ann@outside.example");
      }
    });

    test(`addressOf and ${name} take what the older secret signed, and nothing else`, { skip }, async () => {
      const signed = (key: string) => ours(DOMAIN, signerOf({ keys: [new TextEncoder().encode(key)] }));
      const older = await signed(KEYS[1]!).forward("ann@outside.example", Date.now());
      const forged = await signed("a secret of nobody").forward("ann@outside.example", Date.now());
      for (const one of [ours(), party]) {
        assert.equal(await one.reverse(older, Date.now()), "ann@outside.example");
        assert.match(await one.reverse(forged, Date.now()), /^!/);
      }
    });
  }

  for (const order of [
    ["ours", "Mail::SRS", "postsrsd"],
    ["ours", "postsrsd", "Mail::SRS"],
    ["Mail::SRS", "ours", "postsrsd"],
    ["Mail::SRS", "postsrsd", "ours"],
    ["postsrsd", "ours", "Mail::SRS"],
    ["postsrsd", "Mail::SRS", "ours"],
    ["Mail::SRS", "ours", "Mail::SRS", "postsrsd", "ours", "Mail::SRS", "ours"],
  ]) {
    test(`srsOf in a chain: ${order.join(", ")}`, { skip: noPerl || noPostsrsd }, async () => {
      const chain = order.map((name, n) => {
        const domain = name === "postsrsd" ? DOMAIN : `server${n}.example`;
        const key = `the secret of the server ${n}`;
        const own = { keys: [new TextEncoder().encode(key)] };
        const party =
          name === "ours"
            ? ours(domain, signerOf(own))
            : name === "postsrsd"
              ? postsrsd
              : perl(domain, { keys: [key] });
        return { domain, party };
      });
      const nowMs = Date.now();
      let address = "ann@outside.example";
      for (const { party } of chain) address = await party.forward(address, nowMs);
      // However long it is: the last server sends it to the first, and that to whom it stands for.
      const [first, last] = [chain[0]!, chain.at(-1)!];
      const atFirst = await last.party.reverse(address, nowMs);
      assert.match(atFirst, new RegExp(`^SRS0=.*@${first.domain}$`));
      assert.equal(await first.party.reverse(atFirst, nowMs), "ann@outside.example");
    });
  }

  const NOON = Date.UTC(2026, 0, 1, 12);
  const TAKEN: readonly { readonly days: number; readonly ours: boolean; readonly theirs: boolean }[] = [
    { days: 0, ours: true, theirs: true },
    { days: 1, ours: true, theirs: true },
    { days: 21, ours: true, theirs: true },
    { days: 22, ours: false, theirs: false },
    { days: 1_000, ours: false, theirs: false },
    { days: -2, ours: false, theirs: false },
    // A difference: the clock of the server that wrote it may be a little before ours.
    { days: -1, ours: true, theirs: false },
  ];
  for (const { days, ours: mine, theirs } of TAKEN) {
    test(`addressOf of a stamp of ${days} days ago, and Mail::SRS`, { skip: noPerl }, async () => {
      // Stamps begin anew every 1,024 days.
      for (const nowMs of [NOON, 1_024 * 20 * DAY + 5 * DAY]) {
        for (const writer of [ours(), perl()]) {
          const made = await writer.forward("ann@outside.example", nowMs - days * DAY);
          assert.equal(!(await ours().reverse(made, nowMs)).startsWith("!"), mine);
          assert.equal(!(await perl().reverse(made, nowMs)).startsWith("!"), theirs);
        }
      }
    });
  }

  test("srsOf writes longer hashes as Mail::SRS does; it takes ours of 8, and we none of its 4", {
    skip: noPerl,
  }, async () => {
    const [mine, theirs] = [ours(DOMAIN, signerOf({ hashCharacters: 8 })), perl()];
    const long = perl(DOMAIN, { hashCharacters: 8 });
    const made = await mine.forward("ann@outside.example", NOON);
    assert.equal(made, await long.forward("ann@outside.example", NOON));
    assert.equal(await theirs.reverse(made, NOON), "ann@outside.example");
    const short = await theirs.forward("ann@outside.example", NOON);
    assert.equal(await mine.reverse(short, NOON), "!forged");
    assert.equal(await ours().reverse(made, NOON), "ann@outside.example");
  });

  /** What is written in another way; each of them with what we write, and they. */
  const DIFFERENCES: readonly {
    readonly name: string;
    readonly address: string;
    readonly ours: RegExp;
    readonly "Mail::SRS": RegExp;
    readonly postsrsd: RegExp;
  }[] = [
    {
      name: "capitals in a domain, which we make small",
      address: "ann@Outside.EXAMPLE",
      ours: /^SRS0=....=..=outside\.example=ann@/,
      "Mail::SRS": /^SRS0=....=..=Outside\.EXAMPLE=ann@/,
      postsrsd: /^SRS0=....=..=Outside\.EXAMPLE=ann@/,
    },
    {
      name: "what has the beginning of an SRS1 and no address in it, which we wrap and do not take for one",
      address: "SRS1=a=b@second.example",
      ours: /^SRS0=....=..=second\.example=SRS1=a=b@/,
      "Mail::SRS": /^SRS1=....=b=@/,
      postsrsd: /^!500 No user in SRS1 address/,
    },
    {
      name: "an SRS1 whose inner address has no separator, which would lead to 'SRS0c@b'",
      address: "SRS1=a=b=c@second.example",
      ours: /^SRS0=....=..=second\.example=SRS1=a=b=c@/,
      "Mail::SRS": /^SRS1=....=b=c@/,
      postsrsd: /^SRS1=....=b=c@/,
    },
    {
      name: "an at sign in the local part",
      address: "a@b@outside.example",
      ours: /^SRS0=....=..=outside\.example=a@b@/,
      "Mail::SRS": /^!Sender username may not contain an @/,
      postsrsd: /^SRS0=....=..=b@outside\.example=a@/,
    },
    {
      name: "our own domain, which the plugin leaves and srsOf is not asked about",
      address: "ann@inside.example",
      ours: /^SRS0=/,
      "Mail::SRS": /^ann@inside\.example$/,
      postsrsd: /^ann@inside\.example$/,
    },
    {
      name: "more than 64 octets, where the plugin keeps the reverse-path or refuses the mail",
      address: `${"a".repeat(50)}@outside.example`,
      ours: /^SRS0=....=..=outside\.example=a{50}@/,
      "Mail::SRS": /^SRS0=....=..=outside\.example=a{50}@/,
      postsrsd: /^SRS0=....=..=outside\.example=a{50}@/,
    },
  ];
  for (const { name, address, ours: mine, ...others } of DIFFERENCES) {
    test(`srsOf differs from others in ${name}`, async () => {
      assert.match(await ours().forward(address, Date.now()), mine);
      for (const { name: other, party, skip } of PARTIES)
        if (skip === false) assert.match(await party.forward(address, Date.now()), others[other]);
    });
  }
});

const stampless = (address: string): string =>
  address.replace(/^(SRS0[-+=])[^=]*=[A-Z2-7]{2}=/, "$1(hash and day)=");

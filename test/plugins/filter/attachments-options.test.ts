import { test } from "node:test";
import { type AttachmentsOptions, attachments } from "../../../plugins/filter/attachments.ts";
import { assertOptionError } from "../fakes.ts";

const WORDS = "refuse, refuseEncryptedZip, refuseNestedArchives, partsMax, bytesMax, entriesMax, onBounds";
const OPTION_ERRORS: readonly { name: string; options: unknown; want: string }[] = [
  {
    name: "a list for options",
    options: ["exe"],
    want: `attachments: options: found a list, expected an object with ${WORDS}`,
  },
  {
    name: "an unknown option",
    options: { block: ["exe"] },
    want: `attachments: block: found an unknown option, expected one of: ${WORDS}`,
  },
  {
    name: "a list for refuse",
    options: { refuse: ["exe"] },
    want: "attachments: refuse: found a list, expected an object with extensions, types",
  },
  {
    name: "an unknown list",
    options: { refuse: { extension: ["exe"] } },
    want: "attachments: refuse.extension: found an unknown option, expected one of: extensions, types",
  },
  {
    name: "a text for a list",
    options: { refuse: { extensions: "exe" } },
    want: 'attachments: refuse.extensions: found "exe", expected a list, each an extension without a dot',
  },
  {
    name: "an extension with a dot",
    options: { refuse: { extensions: ["js", ".exe"] } },
    want: 'attachments: refuse.extensions[1]: found ".exe", expected an extension without a dot',
  },
  {
    name: "a type without a slash",
    options: { refuse: { types: ["zip"] } },
    want: "attachments: refuse.types[0]: found \"zip\", expected a type as 'application/zip'",
  },
  {
    name: "a text for yes",
    options: { refuseEncryptedZip: "yes" },
    want: 'attachments: refuseEncryptedZip: found "yes", expected true or false',
  },
  {
    name: "too many parts",
    options: { partsMax: 1000 },
    want: "attachments: partsMax: found 1000, expected a whole number from 1 to 999",
  },
  {
    name: "a size with a unit",
    options: { bytesMax: "64MB" },
    want: 'attachments: bytesMax: found "64MB", expected a whole number from 1024 to 2147483648',
  },
  {
    name: "no entries",
    options: { entriesMax: Number.NaN },
    want: "attachments: entriesMax: found NaN, expected a whole number from 1 to 1000000",
  },
  {
    name: "an unknown way out",
    options: { onBounds: "quarantine" },
    want: "attachments: onBounds: found \"quarantine\", expected 'tempfail', 'reject' or 'pass'",
  },
];
for (const { name, options, want } of OPTION_ERRORS) {
  test(`attachments tells ${name} in a line`, () => {
    assertOptionError(() => attachments(options as AttachmentsOptions), [want]);
  });
}

/** What the tests with a Postfix in front share: its service, what is sent to it, and its trace field. */
import { crlf, largeMessage, REAL_MESSAGES } from "./real-messages.ts";

/** Options of its smtpd in master.cf: takes anything from loopback, and mends nothing. */
export const SMTPD_OPTIONS = `
  -o mynetworks=127.0.0.0/8,192.0.2.7
  -o smtpd_authorized_xclient_hosts=127.0.0.0/8
  -o smtpd_client_restrictions=
  -o smtpd_helo_restrictions=
  -o smtpd_recipient_restrictions=permit_mynetworks,reject
  -o local_header_rewrite_clients=`;

/** Postfix itself breaks long lines, cuts large header sections, refuses large messages, and begins a body with an empty line. */
const NOT_FOR_POSTFIX = /^20 MB|over 998|of 500 KB|no UTF-8$|^no header/;

/** Messages of which it keeps every octet. */
export const FRONT_MESSAGES: readonly { readonly name: string; content(): Buffer }[] = [
  ...REAL_MESSAGES.filter(({ name }) => !NOT_FOR_POSTFIX.test(name)),
  { name: "5 MB", content: () => largeMessage(5_000_000) },
  {
    name: "an 8-bit body",
    content: () => Buffer.concat([crlf("Subject: 8bit\n\n"), Buffer.from("\xe9\xff\x80\r\n", "latin1")]),
  },
];

export const RECEIVED_FROM_CLIENT =
  /^Received: from client\.example \(unknown \[127\.0\.0\.1\]\)\r\n\tby postfix\.example \(Postfix\) with /;

export const ENVELOPE = {
  reversePath: "sender@example.net",
  recipients: ["ann@example.com"],
  parameters: " BODY=8BITMIME",
};

export const portOf = (address: string): number => Number(address.split(":")[1]);

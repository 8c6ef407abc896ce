/** The client most Node programs send with. The only file of this folder that knows nodemailer. */
import { createTransport, type SendMailOptions } from "nodemailer";
import MailComposer from "nodemailer/lib/mail-composer";

/** A message as nodemailer composes it, with CRLF line ends. */
export function compose(options: SendMailOptions): Promise<Buffer> {
  return new MailComposer({ ...options, newline: "\r\n" }).compile().build();
}

/** Sends a composed message, and gives the last reply. `tls`: STARTTLS or nothing. Rejects when it is refused. */
export async function sendComposed(
  port: number,
  raw: Buffer,
  { reversePath = "sender@example.com", recipients = ["you@example.com"], tls = false } = {},
): Promise<string> {
  const transport = createTransport({
    host: "127.0.0.1",
    port,
    name: "nodemailer.example",
    requireTLS: tls,
    ignoreTLS: !tls,
    tls: { rejectUnauthorized: false },
  });
  try {
    const { response } = await transport.sendMail({ envelope: { from: reversePath, to: recipients }, raw });
    return response;
  } finally {
    transport.close();
  }
}

/**
 * What the gateway is measured against: smtp-server and nodemailer put together in the shortest way, with one kept
 * next-hop connection for each client session and no wait before the greeting. FROZEN: figures of different times
 * compare only while this file stays as it is. Run as `node baseline-forwarder.ts NEXT_HOP_PORT`; prints its port.
 */
import type { AddressInfo } from "node:net";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import { SMTPServer } from "smtp-server";
import { SMTPConnection as ServerConnection } from "smtp-server/lib/smtp-connection.js";

const nextHopPort = Number(process.argv[2]);
const nextHops = new Map<string, Promise<SMTPConnection>>();

function openNextHop(): Promise<SMTPConnection> {
  const connection = new SMTPConnection({
    host: "127.0.0.1",
    port: nextHopPort,
    ignoreTLS: true,
    allowInternalNetworkInterfaces: true,
  });
  return new Promise((resolve, reject) => {
    connection.on("error", reject);
    connection.connect((error) => (error ? reject(error) : resolve(connection)));
  });
}

class PromptConnection extends ServerConnection {
  override init(): void {
    this._setListeners(() => this.connectionReady());
  }
}

class PromptServer extends SMTPServer {
  override connect(...[socket, options]: Parameters<SMTPServer["connect"]>): void {
    const connection = new PromptConnection(this, socket, options);
    this.connections.add(connection);
    connection.on("error", () => {});
    connection.init();
  }
}

const server = new PromptServer({
  disabledCommands: ["AUTH", "STARTTLS"],
  authOptional: true,
  disableReverseLookup: true,
  logger: false,
  onData(stream, session, callback) {
    let nextHop = nextHops.get(session.id);
    if (nextHop === undefined) {
      nextHop = openNextHop();
      nextHops.set(session.id, nextHop);
    }
    const { mailFrom, rcptTo } = session.envelope;
    const envelope = {
      from: mailFrom === false ? "" : mailFrom.address,
      to: rcptTo.map((recipient) => recipient.address),
    };
    nextHop.then(
      (connection) => connection.send(envelope, stream, (error) => callback(error)),
      (error) => callback(error),
    );
  },
  onClose(session) {
    nextHops.get(session.id)?.then(
      (connection) => connection.quit(),
      () => {},
    );
    nextHops.delete(session.id);
  },
});
server.on("error", () => {});
server.listen(0, "127.0.0.1", () => {
  process.stderr.write(`SMTP 127.0.0.1:${(server.server.address() as AddressInfo).port}\n`);
});

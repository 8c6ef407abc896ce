/** PROXY headers as octets, and a gateway that keeps what it is told of clients. */
import type { GatewaySession, SessionStart } from "../../core/gateway/mod.ts";
import { ScriptedGateway } from "./scripted-gateway.ts";

const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");

/** A header of version 2. */
export function v2(versionAndCommand: number, family: number, rest: Uint8Array): Buffer {
  const fixed = Buffer.from([versionAndCommand, family, rest.length >> 8, rest.length & 255]);
  return Buffer.concat([SIGNATURE, fixed, rest]);
}

/** One of version 2 for a TCP client of IPv4. */
export function v2Tcp4(from: readonly number[], port: number): Buffer {
  return v2(0x21, 0x11, Buffer.from([...from, 198, 51, 100, 2, port >> 8, port & 255, 0, 25]));
}

/** Keeps how its sessions began and greeted. */
export class SeeingGateway extends ScriptedGateway {
  readonly starts: SessionStart[] = [];

  override openSession(start: SessionStart): GatewaySession {
    this.starts.push(start);
    const session = super.openSession(start);
    const { ehlo } = session;
    session.ehlo = (name, verb) => {
      this.events.push(`${verb} ${name}`);
      return ehlo.call(session, name, verb);
    };
    return session;
  }
}

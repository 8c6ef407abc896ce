/**
 * Strangers that overdo it, in a process of its own and asked over IPC: hundreds of sessions from addresses of loopback
 * other than 127.0.0.1, which is Linux alone. Bounded in sessions, connects and time; for the bench's own server only.
 */
import { connect, type Socket } from "node:net";
import { constants, setPriority } from "node:os";

/** What to do. */
export interface AttackOrder {
  readonly port: number;
  /** Of each kind, at once. */
  readonly sessions: number;
  readonly forMs: number;
}

/** What they do: lines that are no commands, commands at once, content drop by drop, connections that are dropped. */
export type AttackKind = "garbage" | "noops" | "slowData" | "connects";

/** What was done. */
export interface AttackResult {
  readonly connected: { readonly [kind in AttackKind]: number };
  readonly octetsRead: number;
  /** Connections that could not be made: the system's limits, not the server's. */
  readonly notConnected: number;
}

interface Attacker {
  /** After the greeting. */
  greeted(socket: Socket): void;
  /** Whether it waits for a greeting. */
  readonly isPatient: boolean;
}

/** Of all kinds. */
const CONNECTS_MAX = 200_000;
/** Below the sessions that a server grants to an address by default. */
const SESSIONS_PER_ADDRESS = 25;
const DROP_MS = 50;
/** After a connection that could not be made. */
const AGAIN_MS = 20;

const GARBAGE = Buffer.from(`${"XYZZY ".repeat(12)}\r\n`.repeat(1000), "latin1");
const NOOPS = Buffer.from(`EHLO attack.example\r\n${"NOOP\r\n".repeat(10_000)}`, "latin1");
const TO_DATA =
  "EHLO attack.example\r\nMAIL FROM:<a@attack.example>\r\nRCPT TO:<bob@rcpt.example>\r\nDATA\r\n";

const ATTACKERS: { readonly [kind in AttackKind]: Attacker } = {
  garbage: {
    isPatient: true,
    greeted(socket) {
      socket.write(GARBAGE);
    },
  },
  noops: {
    isPatient: true,
    greeted(socket) {
      socket.write(NOOPS);
    },
  },
  slowData: {
    isPatient: true,
    greeted(socket) {
      socket.write(TO_DATA);
      const timer = setInterval(() => socket.writable && socket.write("a drop\r\n"), DROP_MS);
      socket.once("close", () => clearInterval(timer));
    },
  },
  connects: {
    isPatient: false,
    greeted(socket) {
      // A reset leaves no port waiting on this side.
      socket.resetAndDestroy();
    },
  },
};
const KINDS = Object.keys(ATTACKERS) as readonly AttackKind[];

class Attack {
  readonly #order: AttackOrder;
  readonly #resolve: (result: AttackResult) => void;
  readonly #until: number;
  readonly #sockets = new Set<Socket>();
  readonly #connected = { garbage: 0, noops: 0, slowData: 0, connects: 0 };
  #connects = 0;
  #octetsRead = 0;
  #notConnected = 0;
  #sessions = 0;

  constructor(order: AttackOrder, resolve: (result: AttackResult) => void) {
    this.#order = order;
    this.#resolve = resolve;
    this.#until = performance.now() + order.forMs;
    for (const [row, kind] of KINDS.entries()) {
      for (let at = 0; at < order.sessions; at++) {
        this.#sessions += 1;
        this.#open(kind, `127.1.${row}.${1 + Math.floor(at / SESSIONS_PER_ADDRESS)}`);
      }
    }
    setTimeout(() => {
      for (const socket of this.#sockets) socket.resetAndDestroy();
    }, order.forMs);
  }

  #open(kind: AttackKind, localAddress: string): void {
    if (performance.now() >= this.#until || this.#connects >= CONNECTS_MAX) {
      this.#over();
      return;
    }
    this.#connects += 1;
    const socket = connect({ port: this.#order.port, host: "127.0.0.1", localAddress });
    const { isPatient, greeted } = ATTACKERS[kind];
    let isConnected = false;
    this.#sockets.add(socket);
    socket.once("connect", () => {
      isConnected = true;
      this.#connected[kind] += 1;
      if (!isPatient) greeted(socket);
    });
    socket.on("data", (chunk: Buffer) => {
      if (isPatient && socket.bytesWritten === 0) greeted(socket);
      this.#octetsRead += chunk.length;
    });
    socket.on("error", () => {});
    socket.once("close", () => {
      this.#sockets.delete(socket);
      if (!isConnected) this.#notConnected += 1;
      if (isConnected) setImmediate(() => this.#open(kind, localAddress));
      else setTimeout(() => this.#open(kind, localAddress), AGAIN_MS);
    });
  }

  #over(): void {
    this.#sessions -= 1;
    if (this.#sessions > 0) return;
    this.#resolve({
      connected: this.#connected,
      octetsRead: this.#octetsRead,
      notConnected: this.#notConnected,
    });
  }
}

// Attackers are elsewhere, and take no processor from whom they attack: here they have what the others leave.
setPriority(constants.priority.PRIORITY_LOW);
process.on("message", (order: AttackOrder) => {
  new Attack(order, (result) => process.send?.(result));
});
process.on("disconnect", () => process.exit());

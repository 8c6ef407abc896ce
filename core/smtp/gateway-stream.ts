/**
 * The parser of smtp-server with both of its modes replaced: lines are commands, told apart by whether CRLF or a bare
 * LF ended them, and content goes to a sink, decoded by data-decoder.ts or, after BDAT, chunk-decoder.ts.
 */
import { SMTPStream } from "smtp-server/lib/smtp-stream.js";
import { freeOctets } from "./free-octets.ts";
import type { DataFault } from "./line-ends.ts";
import { inTurn } from "./turns.ts";

/** Finds content and its end in the octets from the wire. */
export interface ContentDecoder {
  readonly fault: DataFault | undefined;
  /** Where the octets after the end begin in what was given last; -1 before the end. */
  readonly endedAt: number;
  decode(octets: Buffer): Buffer;
}

/** Takes in what the decoder gives. */
export interface DataSink {
  /**
   * Content of one chunk, and its first fault so far. The octets hold until it returns: what is kept is copied. A promise
   * holds the source until it is done. Must not reject.
   */
  content(octets: Buffer, fault: DataFault | undefined): Promise<void> | undefined;
  /** The end came; commands go on once this is done. Must not reject. */
  end(fault: DataFault | undefined): Promise<void>;
}

const NOTHING = Buffer.alloc(0);

type Done = (error?: Error | null) => void;

const CR = 13;
const LF = 10;
/** Commands run before other connections get their turn: more than a client sends at once for a message of a few recipients. */
const COMMANDS_AT_ONCE_MAX = 10;

/** The parser of one connection. */
export class GatewayStream extends SMTPStream {
  /** Whether the command that runs was ended by a bare LF. */
  bareLineEnd = false;
  #sink: DataSink | undefined;
  #decoder: ContentDecoder | undefined;
  /** A line whose end has not come yet. */
  #rest: Buffer | undefined;

  /** Octets from now on are content until the decoder finds its end. */
  beginContent(sink: DataSink, decoder: ContentDecoder): void {
    this.#sink = sink;
    this.#decoder = decoder;
    this._dataMode = true;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding | "buffer", done: Done): void {
    if (this.isClosed || chunk.length === 0) done();
    else if (this._dataMode) this._feedDataStream(chunk, done);
    else {
      const octets = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
      this.#rest = undefined;
      this.#runCommands(octets, done);
    }
  }

  #runCommands(octets: Buffer, done: Done): void {
    let at = 0;
    let left = COMMANDS_AT_ONCE_MAX;
    let running = false;
    let again = false;
    const run = (): void => {
      // A loop and no recursion: a chunk full of commands that call back at once must not fill the stack.
      running = true;
      try {
        do {
          again = false;
          left -= 1;
          at = this.#runCommand(octets, at, next, done);
        } while (again && left > 0);
      } finally {
        running = false;
      }
      if (again) wait();
    };
    const wait = (): void => {
      left = COMMANDS_AT_ONCE_MAX;
      inTurn(run);
    };
    // Commands that call back later come here too, and must not go on for ever in the same turn either.
    const next = (): void => {
      again = true;
      if (running) return;
      if (left > 0) run();
      else wait();
    };
    run();
  }

  /** Runs the line at `at`, which calls `next` when it is done, or calls `done` where there is none. Gives the next line's place. */
  #runCommand(octets: Buffer, at: number, next: () => void, done: Done): number {
    const end = octets.indexOf(LF, at);
    const lineEnd = end === -1 ? octets.length : end;
    // What stands behind QUIT, a 421 or STARTTLS (RFC 3207 5: injected commands) is not run.
    if (this.isClosed) done();
    else if (this._dataMode) this._write(octets.subarray(at), "buffer", done);
    else if (lineEnd - at > this._maxCommandLength) done(new Error("line too long"));
    else if (end === -1) {
      if (at < octets.length) this.#rest = octets.subarray(at);
      done();
    } else {
      this.bareLineEnd = end === at || octets[end - 1] !== CR;
      this.oncommand(octets.subarray(at, this.bareLineEnd ? end : end - 1), next);
    }
    return lineEnd + 1;
  }

  override _feedDataStream(chunk: Buffer, done: Done): void {
    const sink = this.#sink;
    const decoder = this.#decoder;
    if (sink === undefined || decoder === undefined) {
      done();
      return;
    }
    const octets = decoder.decode(chunk);
    const wait = octets.length > 0 ? sink.content(octets, decoder.fault) : undefined;
    if (decoder.endedAt === -1 || decoder.endedAt === chunk.length) freeOctets(chunk);
    if (decoder.endedAt === -1) {
      if (wait === undefined) done();
      else void wait.then(() => done());
      return;
    }
    this.#sink = undefined;
    this.#decoder = undefined;
    this._dataMode = false;
    const rest = chunk.length === 0 ? NOTHING : chunk.subarray(decoder.endedAt);
    void (wait === undefined ? sink.end(decoder.fault) : wait.then(() => sink.end(decoder.fault))).then(() =>
      this._write(rest, "buffer", done),
    );
  }

  // The library runs a last line without a line end as a command. A cut line is not a command.
  override _flushData(): void {
    this.#rest = undefined;
  }
}

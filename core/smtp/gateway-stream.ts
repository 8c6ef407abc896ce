/** The command parser of smtp-server with its data mode replaced: content goes to a sink, decoded by data-decoder.ts. */
import { SMTPStream } from "smtp-server/lib/smtp-stream.js";
import { DataDecoder } from "./data-decoder.ts";

/** Takes in what the decoder gives. */
export interface DataSink {
  /** Content of one chunk. A promise holds the source until it is done. Must not reject. */
  content(octets: Buffer, decoder: DataDecoder): Promise<void> | undefined;
  /** The final dot came; commands go on once this is done. Must not reject. */
  end(decoder: DataDecoder): Promise<void>;
}

export class GatewayStream extends SMTPStream {
  #sink: DataSink | undefined;
  #decoder = new DataDecoder();

  /** Octets from now on are content until the final dot. */
  beginData(sink: DataSink): void {
    this.#sink = sink;
    this.#decoder = new DataDecoder();
    this._dataMode = true;
  }

  override _feedDataStream(chunk: Buffer, done: (error?: Error | null) => void): void {
    const sink = this.#sink;
    if (sink === undefined) {
      done();
      return;
    }
    const decoder = this.#decoder;
    const octets = decoder.decode(chunk);
    const wait = octets.length > 0 ? sink.content(octets, decoder) : undefined;
    if (decoder.endedAt === -1) {
      if (wait === undefined) done();
      else void wait.then(() => done());
      return;
    }
    this.#sink = undefined;
    this._dataMode = false;
    const rest = chunk.subarray(decoder.endedAt);
    void (wait === undefined ? sink.end(decoder) : wait.then(() => sink.end(decoder))).then(() =>
      this._write(rest, "buffer", done),
    );
  }

  // The library runs a last line without a line end as a command. A cut line is not a command.
  override _flushData(): void {
    this._remainder = "";
  }
}

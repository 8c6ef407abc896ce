/** The answer that carries a message's bytes: streamed as they are read, and broken off where they can not be. */
import type { Content } from "../mail/mod.ts";
import { secure } from "./security-headers.ts";

/**
 * Bytes that no browser opens by itself. Rejects when not even the first can be read.
 *
 * @param id fit for a file name
 * @param breakOff called when reading fails later: what was sent must not look whole
 */
export async function rawAnswer(
  content: Content,
  id: string,
  headOnly: boolean,
  breakOff: (error: unknown) => void,
): Promise<Response> {
  const response = new Response(headOnly ? null : await streamOf(content, breakOff), { status: 200 });
  response.headers.set("content-type", "application/octet-stream");
  response.headers.set("content-length", String(content.size));
  response.headers.set("content-disposition", `attachment; filename="${id}.eml"`);
  secure(response.headers, "download");
  return response;
}

async function streamOf(
  content: Content,
  breakOff: (error: unknown) => void,
): Promise<ReadableStream<Uint8Array>> {
  const chunks = content.read()[Symbol.asyncIterator]();
  let next: Promise<IteratorResult<Uint8Array>> | undefined = Promise.resolve(await chunks.next());
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await (next ?? chunks.next());
        next = undefined;
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        // An errored stream would have its words sent to the client by the adapter.
        breakOff(error);
        controller.close();
      }
    },
    async cancel() {
      await chunks.return?.();
    },
  });
}

/** Remembers the content that came in, so that the driver can tell what the pipeline made of it. */
import type { ContentStore } from "../gateway/mod.ts";
import type { Content } from "../mail/mod.ts";

/** Wraps the store of one message. `original` gives undefined until the content is whole. */
export function keepOriginal(store: ContentStore): {
  readonly contents: ContentStore;
  readonly original: () => Content | undefined;
} {
  let kept: Content | undefined;
  return {
    original: () => kept,
    contents: {
      create() {
        const writer = store.create();
        return {
          write: (chunk) => writer.write(chunk),
          async finish() {
            kept = await writer.finish();
            return kept;
          },
          dispose: () => writer.dispose(),
        };
      },
    },
  };
}

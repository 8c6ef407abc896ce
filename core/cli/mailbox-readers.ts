/** The mailboxes of a config as one, for the page: ids are unique over all of them, as they come from one gateway. */
import type { MailboxReader } from "../relay/mod.ts";

/** One reader over all; undefined when there is none. */
export function mergeReaders(readers: readonly MailboxReader[]): MailboxReader | undefined {
  if (readers.length < 2) return readers[0];
  return {
    async open(id) {
      for (const reader of readers) {
        const message = await reader.open(id);
        if (message !== undefined) return message;
      }
      return undefined;
    },
    async list(options) {
      const lists = await Promise.all(readers.map((reader) => reader.list(options)));
      return lists
        .flat()
        .sort((a, b) => (a.id < b.id ? 1 : -1))
        .slice(0, options.limit);
    },
  };
}

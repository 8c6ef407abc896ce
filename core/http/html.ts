/** The one escaper of the page: a template tag that escapes every value it is given, for text and quoted attributes. */
export { html } from "hono/html";

import type { html } from "hono/html";

/** HTML made by the tag; the only strings that are not escaped again. */
export type Html = ReturnType<typeof html>;

/** What a plugin may ask for when a hook of its goes wrong. */

/** All of it. */
export const ON_ERROR = ["tempfail", "reject", "skip"] as const;

/** What happens when a hook throws, hangs or gives rubbish. `skip`: its facts fall back and the message goes on. */
export type OnError = (typeof ON_ERROR)[number];

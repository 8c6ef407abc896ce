/** Enhanced status codes in verdicts (RFC 3463 2). */

const CODE = /^[45]\.\d{1,3}\.\d{1,3}$/;

/** Whether this is an enhanced status code of a class: 4 is a persistent transient failure, 5 a permanent one. */
export const isEnhancedCode = (enhanced: unknown, cls: "4" | "5"): enhanced is string =>
  typeof enhanced === "string" && enhanced[0] === cls && CODE.test(enhanced);

/**
 * Characters that no address may hold, because a reader does not see them or sees something else: what a log or a
 * person takes for one address would be another. Letters that only look alike (U+0430 for "a") are not these.
 */

/**
 * Controls, format characters, halves of pairs, private use and what is not assigned (General_Category C); separators
 * (Z) but the space, which is visible inside quotes; what is not drawn (Default_Ignorable_Code_Point: fillers, joiners,
 * variation selectors, tags); the empty Braille cell; and the sign of octets that were no UTF-8. What counts as assigned
 * is the platform's version of Unicode.
 */
const HIDDEN = /(?! )[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800\ufffd]/u;

// Nearly every address ends here.
const BEYOND_PRINTABLE_ASCII = /[^ -~]/;

/** Whether a text holds one. A space is none. */
export function hasHiddenCharacter(text: string): boolean {
  return BEYOND_PRINTABLE_ASCII.test(text) && HIDDEN.test(text);
}

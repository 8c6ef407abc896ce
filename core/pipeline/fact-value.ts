/**
 * Values of facts: JSON, copied and frozen, so that nobody changes a fact after it was provided and every one can be
 * stored with its message. It does not check schemas.
 */

/** Bounds of one value: nesting, values within it, and characters of its texts and keys together. */
const DEPTH_MAX = 32;
const VALUES_MAX = 10_000;
const CHARACTERS_MAX = 262_144;

/** The value as JSON keeps it. Optional properties that are undefined are left out. @throws TypeError in words */
export function factValue(value: unknown): unknown {
  return copy(value, 0, { values: VALUES_MAX, characters: CHARACTERS_MAX });
}

interface Room {
  values: number;
  characters: number;
}

function copy(value: unknown, depth: number, room: Room): unknown {
  if (--room.values < 0) throw new TypeError(`it has more than ${VALUES_MAX} values`);
  switch (typeof value) {
    case "boolean":
      return value;
    case "number":
      if (Number.isFinite(value)) return value;
      throw new TypeError(`JSON can not keep ${value}`);
    case "string":
      take(value, room);
      return value;
    case "object":
      if (value === null) return value;
      if (depth >= DEPTH_MAX) throw new TypeError(`it is nested deeper than ${DEPTH_MAX}`);
      return Array.isArray(value) ? copyList(value, depth, room) : copyObject(value, depth, room);
    default:
      throw new TypeError(`JSON can not keep ${value === undefined ? "undefined" : `a ${typeof value}`}`);
  }
}

function copyList(list: readonly unknown[], depth: number, room: Room): unknown {
  if (list.length > room.values) throw new TypeError(`it has more than ${VALUES_MAX} values`);
  return Object.freeze(Array.from(list, (one) => copy(one, depth + 1, room)));
}

function copyObject(value: object, depth: number, room: Room): unknown {
  const prototype = Object.getPrototypeOf(value);
  // Dates, maps and instances of classes come back as something else.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw new TypeError("JSON can not keep an object of a class");
  }
  const copied: { [key: string]: unknown } = {};
  for (const key of Object.keys(value)) {
    const own: unknown = (value as { readonly [key: string]: unknown })[key];
    if (own === undefined) continue;
    take(key, room);
    const kept = copy(own, depth + 1, room);
    if (key === "__proto__") Object.defineProperty(copied, key, { value: kept, enumerable: true });
    else copied[key] = kept;
  }
  return Object.freeze(copied);
}

function take(text: string, room: Room): void {
  room.characters -= text.length;
  if (room.characters < 0) throw new TypeError(`its texts have more than ${CHARACTERS_MAX} characters`);
}

/** Lets only so many at once hold something costly; the others wait in their order. */

/** @param max holders at once. @returns the way to wait for a turn, which gives the way to end it; ending twice is ending once */
export function turns(max: number): () => Promise<() => void> {
  let held = 0;
  const waiting: (() => void)[] = [];
  const leave = (): void => {
    const next = waiting.shift();
    if (next) next();
    else held--;
  };
  return async () => {
    if (held < max) held++;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    let over = false;
    return () => {
      if (!over) leave();
      over = true;
    };
  };
}

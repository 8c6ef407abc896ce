/** How a file is named to users. */
import { relative } from "node:path";

/** Relative to the working folder where it lies below that, else absolute. */
export function shownFile(file: string): string {
  const near = relative(process.cwd(), file);
  return near === "" || near.startsWith("..") ? file : near;
}

/** A gateway with its page, and a browser that notes whatever a mail could make it do. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { freePort, type GatewayProcess, startGateway } from "./processes.ts";

const executablePath = process.env.POSTERN_CHROMIUM ?? "/usr/bin/chromium";
/** Why there is no browser to test with; false where there is one. */
export const noBrowser = existsSync(executablePath)
  ? false
  : `no Chromium at ${executablePath}; set POSTERN_CHROMIUM`;
const ARGS =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";
const WAIT_MS_MAX = 20_000;

/** A gateway whose page can be asked. */
export interface PagedGateway {
  readonly process: GatewayProcess;
  readonly data: string;
  /** As start printed it, token and all. */
  readonly link: string;
  readonly origin: string;
  /** The token of the data folder. */
  readonly token: string;
  /** The JSON of an API path; fails on another status than 200. */
  api(path: string): Promise<unknown>;
  /** An API path's answer. */
  fetch(path: string): Promise<Response>;
}

/** Starts `postern start` on a port known beforehand, as the page names it. */
export async function startPaged(
  folder: string,
  options: { readonly config?: string; readonly env?: { readonly [name: string]: string } } = {},
): Promise<PagedGateway> {
  const { config, env = {} } = options;
  const process = await startGateway({
    folder,
    ...(config === undefined ? {} : { config }),
    env: { POSTERN_SMTP: `127.0.0.1:${await freePort()}`, ...env },
  });
  const link = await until("the link to the page", () => / page {6}(http:\S+)\n/.exec(process.output())?.[1]);
  const data = join(folder, "data");
  const token = readFileSync(join(data, "http-token"), "utf8").trim();
  const { origin } = new URL(link);
  const ask = (path: string) => fetch(origin + path, { headers: { authorization: `Bearer ${token}` } });
  return {
    process,
    data,
    link,
    origin,
    token,
    fetch: ask,
    async api(path) {
      const response = await ask(path);
      if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      return response.json();
    },
  };
}

/** Asks until there is something; fails with `what` after 20 seconds. */
export async function until<T>(what: string, ask: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (const end = Date.now() + WAIT_MS_MAX; Date.now() < end; ) {
    const found = await ask();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`there was no sign of ${what} within ${WAIT_MS_MAX} ms`);
}

/** A browser window, and what happened in it that no mail may make happen. */
export interface Watched {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Console errors (a refusal of the policy is one), script faults, dialogs, popups, downloads, frames, requests elsewhere. */
  readonly faults: string[];
}

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath, args: ARGS.split(" "), timeout: WAIT_MS_MAX });
}

/** Opens a window that watches; `origin` is the only place it may ask. */
export async function watch(
  browser: Browser,
  origin: string,
  options: Parameters<Browser["newContext"]>[0] = {},
): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS_MAX);
  const faults: string[] = [];
  context.on("request", (request) => {
    if (new URL(request.url()).origin !== origin) faults.push(`asked ${request.url()}`);
  });
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`fault: ${error.message}`));
  page.on("popup", () => faults.push("popup"));
  page.on("frameattached", () => faults.push("frame"));
  page.on("dialog", (dialog) => {
    faults.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  return { context, page, faults };
}

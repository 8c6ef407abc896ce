/**
 * The list's one script, as text: a bundle needs no file beside it. It takes the new list out of the page the server
 * made, so that the server's escaper is the only one.
 */
export const pageScript = `"use strict";
const live = document.getElementById("live");
let running = false;
let again = false;

async function refresh() {
  if (running) { again = true; return; }
  running = true;
  try {
    do {
      again = false;
      const response = await fetch(location.pathname + location.search, { headers: { accept: "text/html" } });
      if (response.status === 401) { location.reload(); return; }
      if (!response.ok) return;
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const fresh = page.getElementById("messages");
      const shown = document.getElementById("messages");
      if (!fresh || !shown) return;
      const known = new Set(Array.from(shown.querySelectorAll("tr[data-id]"), (row) => row.dataset.id));
      for (const row of fresh.querySelectorAll("tr[data-id]")) {
        if (!known.has(row.dataset.id)) row.classList.add("new");
      }
      shown.replaceWith(document.adoptNode(fresh));
      // Under a flood, four times a second is as often as anyone reads.
      await new Promise((resolve) => setTimeout(resolve, 250));
    } while (again);
  } catch {
    // The gateway is away; the event stream says when it is back.
  } finally {
    running = false;
  }
}

const events = new EventSource("/api/events");
let opened = false;
events.addEventListener("open", () => {
  live.textContent = "live";
  live.className = "live on";
  // What came while the stream was away.
  if (opened) refresh();
  opened = true;
});
events.addEventListener("message", refresh);
events.addEventListener("error", () => {
  live.textContent = "not connected";
  live.className = "live";
});
`;

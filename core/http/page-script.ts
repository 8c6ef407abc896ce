/**
 * The list's one script, as text: a bundle needs no file beside it. It takes the new list out of the page the server
 * made, so that the server's escaper is the only one.
 */
export const pageScript = `"use strict";
const live = document.getElementById("live");
const news = document.getElementById("news");
let events;
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
      show(new DOMParser().parseFromString(await response.text(), "text/html").getElementById("messages"));
      // Under a flood, four times a second is as often as anyone reads.
      await new Promise((resolve) => setTimeout(resolve, 250));
    } while (again);
  } catch {
    // The gateway is away; the event stream says when it is back.
  } finally {
    running = false;
  }
}

function show(fresh) {
  const shown = document.getElementById("messages");
  if (!fresh || !shown || fresh.innerHTML === shown.innerHTML) return;
  const known = new Set(Array.from(shown.querySelectorAll("tr[data-id]"), (row) => row.dataset.id));
  let count = 0;
  for (const row of fresh.querySelectorAll("tr[data-id]")) {
    if (known.has(row.dataset.id)) continue;
    row.classList.add("new");
    count++;
  }
  // A reader on the keyboard stays where they are.
  const focused = document.activeElement?.closest("tr[data-id]")?.dataset.id;
  shown.replaceWith(document.adoptNode(fresh));
  if (focused) fresh.querySelector('tr[data-id="' + CSS.escape(focused) + '"] a')?.focus({ preventScroll: true });
  if (count > 0) news.textContent = count === 1 ? "1 new message" : count + " new messages";
}

function connect() {
  if (document.hidden || (events && events.readyState !== EventSource.CLOSED)) return;
  events = new EventSource("/api/events");
  events.addEventListener("open", () => {
    live.textContent = "live";
    live.className = "live on";
    // What came while the page was loading, or the stream away.
    refresh();
  });
  events.addEventListener("message", refresh);
  events.addEventListener("error", () => {
    live.textContent = "not connected";
    live.className = "live";
    // Closed for good, as by a refusal: EventSource tries again by itself only after a lost connection.
    if (events.readyState === EventSource.CLOSED) setTimeout(connect, 5000);
  });
}

// A browser has six connections for a host: pages in the background must not keep them from the one that is read.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) events?.close();
  else connect();
});
connect();
`;

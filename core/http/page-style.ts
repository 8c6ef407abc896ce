/** The style sheet of all pages, as text: a bundle needs no file beside it. Colours follow the reader's scheme. */
export const pageStyle = `:root {
  color-scheme: light dark;
  --paper: light-dark(#fbfaf8, #16181b);
  --card: light-dark(#ffffff, #1d2024);
  --ink: light-dark(#20242a, #e4e6e9);
  --quiet: light-dark(#5f6873, #9aa3ae);
  --line: light-dark(#e4e1db, #2e3339);
  --accent: light-dark(#0b5c8a, #7cc0ea);
  --good: light-dark(#1b6e3c, #7ed19c);
  --good-back: light-dark(#e3f3e8, #17321f);
  --bad: light-dark(#a3261f, #f29b94);
  --bad-back: light-dark(#fbe7e5, #3d1a18);
  --waiting: light-dark(#855500, #e9c06d);
  --waiting-back: light-dark(#fbf0d8, #372a10);
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.top { display: flex; align-items: baseline; gap: .75rem; padding: .8rem 1.5rem;
  background: var(--card); border-bottom: 1px solid var(--line); }
.brand { font-weight: 700; font-size: 1.1rem; letter-spacing: -.01em; color: var(--ink); }
.host, .version, .id { color: var(--quiet); font-family: var(--mono); font-size: .85rem; }
.live { margin-left: auto; color: var(--quiet); font-size: .85rem; }
.live.on { color: var(--good); }
.live.on::before { content: "● "; }
main { max-width: 78rem; margin: 0 auto; padding: 1.25rem 1.5rem 4rem; }
h1 { font-size: 1.45rem; line-height: 1.25; letter-spacing: -.01em; margin: .4rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
h2 small, small { color: var(--quiet); font-weight: 400; font-size: .85em; }
h3 { font-size: .85rem; color: var(--quiet); font-weight: 600; margin: 1rem 0 .3rem; }
dl { margin: 0 0 1.25rem; }
dt { color: var(--quiet); font-size: .82rem; }
dd { margin: 0; overflow-wrap: anywhere; }
.summary { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: .5rem 2rem; }
.facts div { display: grid; grid-template-columns: 8rem 1fr; padding: .15rem 0; align-items: baseline; }
.lead { color: var(--quiet); margin: .2rem 0 1.25rem; }
.id { margin-left: .5rem; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-size: .82rem; font-weight: 600; color: var(--quiet); white-space: nowrap; }
th, td { padding: .5rem .8rem; border-bottom: 1px solid var(--line); vertical-align: top; }
tbody tr:last-child td { border-bottom: 0; }
.list tbody tr:hover { background: color-mix(in srgb, var(--accent) 6%, transparent); }
.list td { max-width: 12.5rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.list td.subject { max-width: 19rem; font-weight: 500; }
.who, td { overflow-wrap: anywhere; }
time { font-variant-numeric: tabular-nums; color: var(--quiet); white-space: nowrap; }
time b { color: var(--ink); font-weight: 500; }
.more, .quiet { color: var(--quiet); }
td:first-child { min-width: 6rem; }
.trace td:first-child { min-width: 0; }
.outcome { display: inline-block; white-space: nowrap; padding: 0 .55rem; border-radius: 99px; font-size: .85rem; font-weight: 600; }
.good { color: var(--good); background: var(--good-back); }
.bad { color: var(--bad); background: var(--bad-back); }
.waiting { color: var(--waiting); background: var(--waiting-back); }
.pages { display: flex; gap: 1rem; padding: .8rem 0; }
.empty, .notice { text-align: center; padding: 3.5rem 1rem; }
.notice { max-width: 34rem; margin: 0 auto; }
pre { font: .88rem/1.5 var(--mono); margin: 0; }
.command { display: inline-block; padding: .7rem 1rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 8px; text-align: left; white-space: pre-wrap; user-select: all; }
.mail { padding: .9rem 1rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  white-space: pre-wrap; overflow-wrap: anywhere; max-height: 36rem; overflow-y: auto; }
.downloads, .parts { padding-left: 1.2rem; }
.trace td { font-size: .9rem; }
.trace td:nth-child(-n + 4) { font-family: var(--mono); font-size: .82rem; white-space: nowrap; }
.trace .note td { color: var(--quiet); }
.line b { display: inline-block; min-width: 4.5rem; font-weight: 500; color: var(--quiet); }
.line.fault, .line.fault b { color: var(--bad); }
@media (prefers-reduced-motion: no-preference) {
  .new td { animation: arrived 2.5s ease-out; }
  @keyframes arrived { from { background: var(--good-back); } }
}
`;

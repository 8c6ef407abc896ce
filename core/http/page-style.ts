/** The style sheet of all pages, as text: a bundle needs no file beside it. Colours follow the reader's scheme. */
export const pageStyle = `:root {
  color-scheme: light dark;
  --paper: light-dark(#f7f6f3, #14161a);
  --card: light-dark(#ffffff, #1c1f24);
  --ink: light-dark(#1d2127, #e6e8eb);
  --quiet: light-dark(#59626d, #a0a9b4);
  --line: light-dark(#e3e0da, #2e333a);
  --accent: light-dark(#0b5c8a, #7cc0ea);
  --accent-back: light-dark(#eef6fb, #152a38);
  --good: light-dark(#19683a, #7ed19c);
  --good-back: light-dark(#e1f2e7, #17321f);
  --bad: light-dark(#a3261f, #f5a59e);
  --bad-back: light-dark(#fbe5e3, #421c19);
  --waiting: light-dark(#7a4d00, #ecc575);
  --waiting-back: light-dark(#fbefd5, #392b10);
  --plain-back: light-dark(#eceae5, #2b3037);
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: anywhere;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
.unseen { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.top { display: flex; align-items: baseline; gap: .75rem; padding: .7rem 1.5rem;
  background: var(--card); border-bottom: 1px solid var(--line); }
.brand { font-weight: 700; font-size: 1.1rem; letter-spacing: -.01em; color: var(--ink); }
.host, .version, .id { color: var(--quiet); font-family: var(--mono); font-size: .85rem; }
.live { margin-left: auto; color: var(--quiet); font-size: .85rem; white-space: nowrap; }
.live.on { color: var(--good); }
.live.on::before { content: "● "; }
main { max-width: 72rem; margin: 0 auto; padding: 1.25rem 1.5rem 4rem; }
h1 { font-size: 1.5rem; line-height: 1.25; letter-spacing: -.015em; margin: .3rem 0 .5rem; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
h3 { font-size: .85rem; color: var(--quiet); font-weight: 600; margin: 1rem 0 .3rem; }
small { color: var(--quiet); font-size: .85em; }
.quiet, .more { color: var(--quiet); }
p.quiet { margin: .3rem 0; font-size: .9rem; }
dl { margin: 0; }
dt { color: var(--quiet); font-size: .82rem; }
dd { margin: 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.way { display: flex; flex-wrap: wrap; gap: .4rem 2.25rem; margin-bottom: 1.25rem; }
.way dd { font-size: .92rem; }
.badge { display: inline-block; white-space: nowrap; padding: .05rem .55rem; border-radius: 99px; font-size: .82rem; font-weight: 600; }
.badge.good { color: var(--good); background: var(--good-back); }
.badge.bad { color: var(--bad); background: var(--bad-back); }
.badge.waiting { color: var(--waiting); background: var(--waiting-back); }
.badge.plain { color: var(--quiet); background: var(--plain-back); }
time { font-variant-numeric: tabular-nums; color: var(--quiet); }
time b { color: var(--ink); font-weight: 500; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-size: .8rem; font-weight: 600; color: var(--quiet); white-space: nowrap; }
th, td { padding: .55rem .9rem; border-bottom: 1px solid var(--line); vertical-align: top; }
tbody tr:last-child td { border-bottom: 0; }
.list { table-layout: fixed; }
.list th:nth-child(1) { width: 7.5rem; }
.list th:nth-child(3) { width: 27%; }
.list th:nth-child(4) { width: 6rem; }
.list th:nth-child(5) { width: 8rem; }
.list td { font-size: .93rem; }
.list tbody tr:hover { background: var(--accent-back); }
.list .subject { display: block; font-weight: 600; font-size: 1rem; }
.list .subject, .path, .why .reply { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.path, .reply { color: var(--quiet); font-size: .9rem; }
.why b { font-weight: 500; }
.size, th:nth-child(4) { font-variant-numeric: tabular-nums; white-space: nowrap; }
.when b { display: block; }
.pages { display: flex; gap: 1rem; padding: .8rem 0; }
.empty, .notice { text-align: center; padding: 3.5rem 1rem; }
.empty h2 { font-size: 1.4rem; margin: 0 0 .4rem; }
.notice { max-width: 34rem; margin: 0 auto; }
pre, code { font: .86rem/1.5 var(--mono); margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.command { display: inline-block; padding: .7rem 1rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 8px; text-align: left; user-select: all; }
.back { margin: 0; font-size: .92rem; }
.lead { display: flex; flex-wrap: wrap; align-items: baseline; gap: .3rem .8rem; margin: .2rem 0 .8rem; }
.jump { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; padding-top: .6rem; border-top: 1px solid var(--line); font-size: .92rem; }
.facts { font-size: .93rem; }
.facts.card { padding: .6rem .9rem; display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); gap: 0 1.5rem; }
.facts div { display: grid; grid-template-columns: 8rem 1fr; padding: .12rem 0; align-items: baseline; }
.mailfields { margin-bottom: .6rem; }
.recipients td { font-size: .93rem; }
.who { width: 34%; }
.part { margin: .6rem 0; }
summary { cursor: pointer; color: var(--accent); font-size: .92rem; padding: .15rem 0; }
.mail, .source { padding: .9rem 1rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  max-height: 34rem; overflow-y: auto; unicode-bidi: isolate; }
.parts { padding-left: 1.2rem; }
.downloads { list-style: none; padding: 0; margin: .8rem 0 0; }
.downloads li { margin: .5rem 0; }
.button { display: inline-block; padding: .3rem .8rem; margin-right: .5rem; border: 1px solid var(--accent); border-radius: 6px; font-size: .92rem; }
.button:hover { background: var(--accent-back); text-decoration: none; }
.edits { list-style: none; margin: 0; padding: 0; }
.edits li { padding: .55rem .9rem; border-bottom: 1px solid var(--line); font-size: .93rem; }
.edits li:last-child { border-bottom: 0; }
.author { display: inline-block; min-width: 6rem; margin-right: .4rem; font-weight: 600; }
.timeline { list-style: none; margin: 0; padding: .5rem 0; }
.step { --dot: var(--quiet); display: grid; grid-template-columns: 5.5rem 1fr; gap: 0 2rem; padding: .35rem .9rem; position: relative; font-size: .93rem; }
.step.good { --dot: var(--good); }
.step.bad { --dot: var(--bad); }
.step.waiting { --dot: var(--waiting); }
.step::before { content: ""; position: absolute; left: 7.4rem; top: 0; bottom: 0; border-left: 2px solid var(--line); }
.step:first-child::before { top: .9rem; }
.step:last-child::before { bottom: calc(100% - .9rem); }
.step::after { content: ""; position: absolute; left: calc(7.4rem - 4px); top: .8rem; width: 10px; height: 10px; border-radius: 50%;
  background: var(--dot); border: 2px solid var(--card); }
.step.deciding { background: var(--accent-back); box-shadow: inset 3px 0 var(--accent); }
.at { text-align: right; color: var(--quiet); font: .82rem/1.7 var(--mono); white-space: nowrap; }
.head { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .55rem; }
.stage { color: var(--quiet); font-family: var(--mono); font-size: .85rem; min-width: 4.6rem; }
.took { margin-left: auto; color: var(--quiet); font: .82rem var(--mono); }
.decided { color: var(--accent); font-size: .85rem; font-weight: 600; }
.decided::before { content: "◀ " / ""; }
.line { font-size: .9rem; }
.line.own { padding-left: 5.15rem; }
.kind { display: inline-block; min-width: 4.6rem; color: var(--quiet); margin-right: .3rem; }
.line details { display: inline-block; vertical-align: top; max-width: 100%; }
.line.fault { color: var(--bad); }
.api { margin-top: 2rem; font-size: .92rem; }
@media (max-width: 46rem) {
  .top { padding: .6rem 1rem; }
  main { padding: 1rem 1rem 3rem; }
  .version { display: none; }
  .way { display: block; }
  thead { display: block; position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody { display: block; }
  tr { display: grid; padding: .6rem .9rem; gap: .15rem .7rem; border-bottom: 1px solid var(--line); }
  tbody tr:last-child { border-bottom: 0; }
  td { padding: 0; border: 0; min-width: 0; }
  .list tr { grid-template: "state size when" "what what what" "why why why" / auto 1fr auto; align-items: baseline; }
  .state { grid-area: state; } .what { grid-area: what; } .why { grid-area: why; }
  .size { grid-area: size; color: var(--quiet); } .when { grid-area: when; }
  .when b { display: inline; }
  .list .subject { white-space: normal; }
  .recipients tr { grid-template: "who who" "out hop" "said said" / auto 1fr; }
  .who { grid-area: who; width: auto; } .said { grid-area: said; }
  .facts div { grid-template-columns: 6.5rem 1fr; }
  .step { grid-template-columns: 1fr; padding-left: 2rem; }
  .step::before { left: 1rem; }
  .step::after { left: calc(1rem - 4px); }
  .at { text-align: left; }
  .took { margin-left: 0; }
  .stage, .kind { min-width: 3.6rem; }
  .line.own { padding-left: 0; }
}
@media (prefers-reduced-motion: no-preference) {
  .new td { animation: arrived 2.5s ease-out; }
  @keyframes arrived { from { background: var(--good-back); } }
}
`;

# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The look of reports: one style sheet for light and dark, for any width, and for both directions of writing."""

from __future__ import annotations

# Nothing of it is asked for elsewhere; the policy of the pages would not let it.
STYLE = """
:root {
  color-scheme: light dark;
  --page: #f6f6f3; --card: #fff; --ink: #1c1d1f; --soft: #62656b; --rule: #e3e3de; --sunk: #f1f1ed;
  --good: #18794e; --bad: #c0271d; --wait: #96640b; --back: #6a45b8; --blue: #2563c9; --green: #0c8f5c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #141517; --card: #1d1f22; --ink: #ececea; --soft: #9ea2a9; --rule: #33363b; --sunk: #26282c;
    --good: #4cc38a; --bad: #ff7b72; --wait: #e0a93f; --back: #b69bf1; --blue: #74a9ff; --green: #3fcf8e;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink); overflow-wrap: anywhere;
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans Arabic", sans-serif;
  font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%;
}
:lang(ar) { line-height: 1.7; }
main { max-width: 56rem; margin: 0 auto; padding: 1rem 1rem 3rem; display: grid; gap: 1rem; }
main > *, article > * { min-width: 0; }
h1, h2, h3, p, dl, dd, ol, ul, figure, table { margin: 0; padding: 0; }
h2 { font-size: 1.05rem; font-weight: 650; }
h3 { font-size: 1rem; font-weight: 650; }
a { color: inherit; text-underline-offset: .2em; text-decoration-color: var(--soft); }
a:focus-visible, summary:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px; border-radius: 4px; }
code, .mono { font: .875em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.soft { color: var(--soft); }
.whole { white-space: nowrap; }
.small { font-size: .875rem; }
nav, footer { display: flex; flex-wrap: wrap; gap: .25rem 1rem; justify-content: space-between; color: var(--soft); font-size: .875rem; }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 12px; padding: 1.25rem; display: grid; gap: .875rem; }
.card > * { min-width: 0; }
.of { font-size: 1.25rem; margin-top: .75rem; display: flex; flex-wrap: wrap; gap: 0 .6rem; align-items: baseline; }
.of span { font-weight: 400; font-size: .875rem; }

.good { --tone: var(--good); } .bad { --tone: var(--bad); } .wait { --tone: var(--wait); } .back { --tone: var(--back); }
.blue { --tone: var(--blue); } .green { --tone: var(--green); }
.badge {
  display: inline-flex; align-items: center; gap: .4em; padding: .1em .65em; border-radius: 99px; white-space: nowrap;
  font-size: .8125rem; font-weight: 600; color: var(--tone);
  background: color-mix(in srgb, var(--tone) 12%, transparent);
}
.badge svg { width: .85em; height: .85em; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
.outcome { position: relative; overflow: hidden; padding-top: 1.5rem; }
.outcome::before { content: ""; position: absolute; inset: 0 0 auto; height: 4px; background: var(--tone); }
.outcome > .badge { justify-self: start; font-size: .9375rem; }
.outcome h1 { font-size: clamp(1.35rem, 1rem + 2.2vw, 2rem); line-height: 1.25; font-weight: 680; letter-spacing: -.01em; display: grid; gap: .1em; }
:lang(ar) h1 { letter-spacing: 0; line-height: 1.4; }
h1 .name { font-weight: 400; color: var(--soft); }
.lead { font-size: 1.0625rem; }
.reason { border-inline-start: 3px solid var(--tone); background: var(--sunk); border-radius: 4px; padding: .6rem .9rem; margin: 0; }
.reason .label { display: block; color: var(--soft); font-size: .8125rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr));
  gap: .75rem 1.25rem; border-top: 1px solid var(--rule); padding-top: .875rem; }
.facts dt { color: var(--soft); font-size: .8125rem; }

.timeline { list-style: none; display: grid; }
.timeline li { display: grid; grid-template-columns: 7.5rem 1fr; column-gap: 1.5rem; position: relative; padding-block: .3rem; }
.timeline li::before { content: ""; position: absolute; inset-inline-start: 7.97rem; top: .8rem; width: .56rem;
  height: .56rem; border-radius: 50%; background: var(--tone, var(--soft)); z-index: 1; }
.timeline li:not(:last-child)::after { content: ""; position: absolute; inset-inline-start: 8.2rem;
  top: 1rem; height: 100%; width: 1px; background: var(--rule); }
.timeline .at { color: var(--soft); font-size: .875rem; display: flex; justify-content: space-between; gap: .5rem; white-space: nowrap; padding-top: .1rem; }
.timeline p + p { font-size: .875rem; color: var(--soft); }

.plot { display: grid; gap: .4rem; }
.plot + .plot { margin-top: .5rem; }
.plot figcaption { display: flex; flex-wrap: wrap; gap: 0 .6rem; align-items: baseline; }
.plot figcaption b { font-weight: 600; font-size: .9375rem; }
.keys { display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; font-size: .8125rem; }
.key::before { content: ""; display: inline-block; width: 1.3em; border-top: 2.5px solid var(--tone); vertical-align: .28em; margin-inline-end: .45em; }
.key.old::before { border-top-style: dotted; }
.chart { display: grid; grid-template-columns: 2.6rem 1fr; height: 6.5rem; margin-block: .35rem; }
.wide .chart { grid-template-columns: 4.2rem 1fr; }
.scale { position: relative; font-size: .75rem; color: var(--soft); }
.scale span { position: absolute; right: .5rem; transform: translateY(50%); line-height: 1; white-space: nowrap; }
.area { position: relative; }
.area svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; }
.area path { fill: none; vector-effect: non-scaling-stroke; }
.grid { stroke: var(--rule); stroke-width: 1; }
.event { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 2 3; }
.line { stroke: var(--tone); stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round; }
.line.old { stroke-dasharray: .1 5; stroke-width: 2.75; }
.area .fill { fill: color-mix(in srgb, var(--tone) 14%, transparent); }
.bar { fill: var(--tone); }
.times { position: relative; height: 1rem; margin-left: 2.6rem; font-size: .75rem; color: var(--soft); line-height: 1; }
.times span { position: absolute; transform: translateX(-50%); white-space: nowrap; }
.times span:first-child { transform: none; }

.verdict { border-top: 1px solid var(--rule); padding-top: .875rem; display: grid; gap: .5rem; }
.verdict > header { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: center; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th { font-weight: 400; color: var(--soft); font-size: .8125rem; }
.scroll { overflow-x: auto; }
th, td { text-align: end; white-space: nowrap; padding-block: .25rem; padding-inline: .5rem 0; border-bottom: 1px solid var(--rule); }
th:first-child, td:first-child { text-align: start; padding-inline-start: 0; }
tr:last-child td { border-bottom: 0; }
details summary { cursor: pointer; color: var(--soft); font-size: .875rem; }
.rules { list-style: none; display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr));
  gap: .15rem 1.5rem; font-size: .875rem; padding-top: .5rem; }
.rules li { display: flex; justify-content: space-between; gap: .75rem; }
.rules .state { color: var(--tone, var(--soft)); }
.steps { list-style: none; display: grid; gap: .2rem; }
.settings { list-style: none; display: grid; gap: .6rem; }
.settings li { display: grid; gap: .1rem; }
.settings .pair { display: flex; flex-wrap: wrap; gap: .15rem .5rem; align-items: baseline; }
del, ins { text-decoration: none; border-radius: 4px; padding: 0 .35em; white-space: pre-wrap; }
del { color: var(--bad); background: color-mix(in srgb, var(--bad) 9%, transparent); }
ins { color: var(--good); background: color-mix(in srgb, var(--good) 10%, transparent); }

.head { display: flex; flex-wrap: wrap; gap: .25rem 1rem; justify-content: space-between; align-items: baseline; }
.head h1 { font-size: 1.75rem; line-height: 1.3; font-weight: 680; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 1px; background: var(--rule);
  border: 1px solid var(--rule); border-radius: 12px; overflow: hidden; }
.figures div { background: var(--card); padding: .9rem 1.1rem; display: grid; align-content: start; }
.figures dt { color: var(--soft); font-size: .8125rem; }
.figures .big { font-size: 1.5rem; line-height: 1.35; font-weight: 650; }
.figures .soft { font-size: .8125rem; }
.list { list-style: none; display: grid; }
.list li { border-bottom: 1px solid var(--rule); }
.list li:last-child { border-bottom: 0; }
.list a { display: grid; grid-template-columns: 9.5rem 1fr auto; gap: .15rem 1rem; align-items: start; padding: .7rem 0; text-decoration: none; }
.list a:hover .what { text-decoration: underline; text-underline-offset: .2em; }
.list .what { font-weight: 550; display: grid; }
.list .what .name { font-weight: 400; color: var(--soft); }
.list .when { text-align: end; font-size: .875rem; color: var(--soft); display: grid; }
.list .why { grid-column: 2 / -1; font-size: .875rem; color: var(--soft); }
@media (max-width: 34rem) {
  main { padding: .75rem .75rem 2rem; }
  .card { padding: 1rem; }
  .timeline li { grid-template-columns: 4.4rem 1fr; column-gap: 1.4rem; }
  .timeline li::before { inset-inline-start: 4.82rem; }
  .timeline li:not(:last-child)::after { inset-inline-start: 5.06rem; }
  table { font-size: .8125rem; } th { font-size: .75rem; } td .key::before { width: .8em; margin-inline-end: .3em; }
  .timeline .since { display: none; }
  .figures { grid-template-columns: 1fr 1fr; }
  .figures div { padding: .75rem .8rem; }
  .figures .big { font-size: 1.25rem; }
  .list a { grid-template-columns: 1fr auto; }
  .list .what { grid-column: 1 / -1; }
  .list .what { order: 1; } .list .why { order: 2; grid-column: 1 / -1; }
}
@media print { body { background: #fff; } .card { break-inside: avoid; } nav { display: none; } }
"""

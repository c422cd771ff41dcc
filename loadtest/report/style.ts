/** How the report's page looks, in a light and in a dark browser. Colours of charts stand here too. */

/** Legible on both grounds, and apart from each other for most who are colour-blind. */
const LIGHT = ['#1b6ca8', '#c2570c', '#2b8a3e', '#8e44ad', '#8a6d00', '#c0392b', '#0e7c7b', '#5f6368'];
const DARK = ['#6fb7ea', '#f5a35c', '#7ccf8b', '#cf9be6', '#d9c04a', '#f08a7e', '#5fcfc9', '#b3b8bd'];

const series = (colours: readonly string[]): string =>
  colours.map((colour, i) => `--series-${i + 1}: ${colour};`).join(' ');

export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fff; --ink: #22262a; --faint: #5f6368; --rule: #9aa0a6; --grid: #e6e8ea; --mark: #a05050;
  --met: #1e7b34; --missed: #b3261e; ${series(LIGHT)}
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16191c; --ink: #e2e5e8; --faint: #a5abb1; --rule: #70767c; --grid: #2c3136; --mark: #d08f8f;
    --met: #7ccf8b; --missed: #f28b82; ${series(DARK)}
  }
}
body {
  margin: 0 auto; padding: 1.5rem; max-width: 62rem;
  background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
}
h1, h2, h3 { line-height: 1.25; }
h2 { margin-top: 3rem; padding-top: 0.5rem; border-top: 1px solid var(--rule); }
a { color: var(--series-1); }
.faint { color: var(--faint); font-size: 0.85rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: 0.5rem 0; }
th, td { padding: 0.2rem 0.6rem; border-bottom: 1px solid var(--grid); vertical-align: top; }
th { text-align: left; border-color: var(--rule); }
.right { text-align: right; }
.met { color: var(--met); }
.missed { color: var(--missed); font-weight: 600; }
figure { margin: 1.5rem 0; }
figcaption { font-weight: 600; }
figure svg { max-width: 100%; height: auto; }
.legend { margin: 0.25rem 0 0; padding: 0; list-style: none; font-size: 0.85rem; }
.legend li { display: inline-block; margin-right: 1.25rem; }
.legend span { display: inline-block; width: 1.5em; margin-right: 0.4em; vertical-align: middle; }
`;

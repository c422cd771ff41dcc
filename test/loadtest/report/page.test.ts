import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BenchResult, Chart } from '../../../loadtest/bench/bench-module.ts';
import { type BenchReport, jsonText } from '../../../loadtest/bench/report.ts';
import { renderPage } from '../../../loadtest/report/page.ts';
import { writePage } from '../../../loadtest/report/write-page.ts';

const NASTY = `<script>alert("1 & 2")</script>`;
const ESCAPED = '&lt;script&gt;alert(&quot;1 &amp; 2&quot;)&lt;/script&gt;';

function report(result: Partial<BenchResult> = {}, title = 'what is measured'): BenchReport {
  const machine = { cores: 2, cpuModel: 'A CPU', memoryGb: 8, nodeVersion: 'v26.0.0' };
  return { ...machine, commit: 'abc1234', date: '2026-01-02T03:04:05.000Z', title, rows: [], ...result };
}

const CHART: Chart = {
  title: 'p99 over time',
  xLabel: 'seconds',
  yLabel: 'milliseconds',
  series: [
    {
      name: 'claimd',
      points: [
        [0, 3],
        [10, 9],
        [20, 4],
      ],
    },
  ],
  marks: [{ x: 10, label: 'epoch 7' }],
};

const ROWS = [
  { measure: 'p99', value: 12, unit: 'ms', goal: { atMost: 15 } },
  { measure: 'rate', value: 5, unit: '/s', goal: { atLeast: 9 }, note: 'too slow' },
  { measure: 'calls', value: 1234, unit: '' },
];

test('a benchmark is shown with its machine, rows, goals, tables and charts', () => {
  const tables = [{ title: 'sides', columns: ['of', 'p99'], rows: [['ours', '4 ms']] }];
  const page = renderPage({ unary: report({ rows: ROWS, charts: [CHART], tables }) }, ['unary']);
  const parts = [
    '<section id="unary"><h2>unary</h2><p>what is measured</p>',
    '2 cores (A CPU), 8 GB, Node v26.0.0; commit abc1234; 2026-01-02T03:04:05.000Z',
    '<p>1 of 2 met.</p>',
    '<span class="met">≤ 15: met</span>',
    '<span class="missed">≥ 9: missed</span>',
    '<td>too slow</td>',
    '<td class="right">1,234</td>',
    '<caption>sides</caption>',
    '<td class="right">4 ms</td>',
    '<figcaption>p99 over time</figcaption>',
    '>seconds</text>',
    '>milliseconds</text>',
    '>epoch 7</text>',
  ];
  for (const part of parts) assert.ok(page.includes(part), `no ${part}`);
});

test('the side by side comparison and the soak come first, then the others in their order', () => {
  const reports = { a: report(), b: report(), soak: report(), 'side-by-side': report() };
  const page = renderPage(reports, ['b', 'soak', 'a', 'side-by-side', 'never-run']);
  const sections = [...page.matchAll(/<section id="([^"]+)"/g)].map(([, id]) => id);
  assert.deepEqual(sections, ['side-by-side', 'soak', 'goals', 'b', 'a']);
});

test('text is escaped wherever it comes from', () => {
  const rows = [{ measure: NASTY, value: 1, unit: NASTY, note: NASTY, goal: { atMost: 1 } }];
  const series = [{ name: NASTY, points: CHART.series[0].points }];
  const charts = [
    { ...CHART, title: NASTY, xLabel: NASTY, yLabel: NASTY, series, marks: [{ x: 1, label: NASTY }] },
  ];
  const tables = [{ title: NASTY, columns: [NASTY], rows: [[NASTY]] }];
  const result = { rows, charts, tables };
  const page = renderPage({ b: { ...report(result, NASTY), commit: NASTY } }, ['b']);
  assert.ok(!page.includes('<script'));
  assert.ok(page.split(ESCAPED).length > 12);
});

test('the page asks for nothing from elsewhere', () => {
  const page = renderPage({ b: report({ rows: ROWS, charts: [CHART] }) }, ['b']);
  const withoutNamespaces = page.replaceAll(/xmlns(:xlink)?="[^"]+"/g, '');
  assert.equal(/https?:|<script|<link|@import|url\((?!#)|src=/.exec(withoutNamespaces)?.[0], undefined);
});

test('points that a logarithmic axis cannot show are left out, and it begins at the first of the others', () => {
  const points: [number, number][] = [
    [0, 1],
    [10, 0],
    [100, 5],
    [1000, 7],
  ];
  const chart = { ...CHART, marks: [], logX: true, logY: true, series: [{ name: 's', points }] };
  const page = renderPage({ b: report({ charts: [chart] }) }, ['b']);
  assert.equal(/NaN|Infinity/.exec(page)?.[0], undefined);
  const dots = [...page.matchAll(/transform="matrix\(2,0,0,2,([\d.]+),[^>]+ecmeta_series_index="0"/g)];
  const left = /<path d="M([\d.]+) [^>]+stroke="var\(--grid\)"/.exec(page)?.[1];
  assert.deepEqual([dots.length, dots[0][1]], [2, left]);
});

test('the page is written from bench.json and soak.json, either of which may be missing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'report-'));
  try {
    const sections = async () =>
      [...(await readFile(await writePage(folder), 'utf8')).matchAll(/<section id="([^"]+)"/g)].map(
        ([, id]) => id,
      );
    assert.deepEqual(await sections(), ['goals']);
    await writeFile(join(folder, 'bench.json'), jsonText({ registry: report({ rows: ROWS }) }));
    assert.deepEqual(await sections(), ['goals', 'registry']);
    await writeFile(join(folder, 'soak.json'), jsonText({ ...report({ charts: [CHART] }), samples: [] }));
    assert.deepEqual(await sections(), ['soak', 'goals', 'registry']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('reports are kept with a line for each point', () => {
  const kept = jsonText(report({ charts: [CHART] }));
  assert.match(kept, /^ +\[10, 9\],$/m);
  assert.deepEqual(JSON.parse(kept), report({ charts: [CHART] }));
});

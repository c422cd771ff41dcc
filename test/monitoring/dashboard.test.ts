/** monitoring/dashboard.json: what the generator makes, and in a form that Grafana shows. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { dashboardFile } from '../../scripts/dashboard/claims-dashboard.ts';
import { toGrafana } from '../../scripts/dashboard/grafana.ts';
import { allPanels, DASHBOARD_FILE, type DashboardPanel, readDashboard } from '../support/dashboard.ts';

const COLUMNS = 24;
const file = readDashboard();
const everything = allPanels(file);
const panels = everything.filter(({ type }) => type !== 'row');

test('the file is what `node scripts/dashboard.ts` writes', () => {
  assert.equal(readFileSync(DASHBOARD_FILE, 'utf8'), dashboardFile());
});

test('panels have numbers of their own and do not lie upon each other', () => {
  assert.equal(new Set(everything.map(({ id }) => id)).size, everything.length);
  for (const [i, panel] of everything.entries()) {
    const { x, y, w, h } = panel.gridPos;
    assert.ok(x >= 0 && y >= 0 && h > 0 && x + w <= COLUMNS, panel.title);
    const upon = everything.slice(0, i).filter((other) => overlap(panel, other));
    assert.deepEqual(
      upon.map(({ title }) => `${panel.title} upon ${title}`),
      [],
    );
  }
});

test('every panel has a title of its own, says what it answers, its unit, and what each line is', () => {
  assert.equal(new Set(panels.map(({ title }) => title)).size, panels.length);
  for (const { title, description = '', fieldConfig, targets = [] } of panels) {
    assert.match(description, /^[A-Z].+\.$|^[a-z].+\.$/s, title);
    assert.ok(fieldConfig?.defaults.unit !== undefined, title);
    assert.ok(targets.length > 0, title);
    assert.ok(
      targets.every(({ legendFormat }) => legendFormat !== ''),
      title,
    );
    assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
  }
});

test('the data source is chosen at the top, as job and instance are', () => {
  assert.deepEqual(
    file.templating.list.map(({ name, type }) => [name, type]),
    [
      ['datasource', 'datasource'],
      ['job', 'query'],
      ['instance', 'query'],
    ],
  );
  const chosen = { type: 'prometheus', uid: '$datasource' };
  for (const { title, datasource, targets = [] } of panels) {
    assert.deepEqual(datasource, chosen, title);
    for (const target of targets) assert.deepEqual(target.datasource, chosen, title);
  }
});

test('an open row is followed by its panels, a shut one has them within', () => {
  const panel = {
    title: 'p',
    description: 'd',
    unit: 'none',
    queries: [{ expr: 'up', legend: 'x' }],
  } as const;
  const rows = [
    { title: 'open', columns: 2, panels: [panel, { ...panel, kind: 'stat' }, panel] },
    { title: 'shut', columns: 2, panels: [panel], collapsed: true },
    { title: 'last', columns: 1, panels: [panel] },
  ] as const;
  const made = toGrafana({ uid: 'u', title: 't', description: 'd', presence: 'up', rows });
  const { panels: placed }: { panels: readonly DashboardPanel[] } = JSON.parse(JSON.stringify(made));
  const place = ({ gridPos: { x, y, w, h } }: DashboardPanel) => [x, y, w, h];
  assert.deepEqual(placed.map(place), [
    [0, 0, 24, 1],
    [0, 1, 12, 8],
    [12, 1, 12, 8],
    [0, 9, 12, 8],
    [0, 17, 24, 1],
    [0, 18, 24, 1],
    [0, 19, 24, 8],
  ]);
  assert.deepEqual(placed[4].panels?.map(place), [[0, 18, 12, 8]]);
});

function overlap({ gridPos: a }: DashboardPanel, { gridPos: b }: DashboardPanel): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

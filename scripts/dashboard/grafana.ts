/**
 * Grafana's dashboard, from what a person decides of it: rows of panels, each a question with its
 * queries. Where panels lie, their numbers, and what is the same for all of them is made here.
 */

/** That of Grafana 12.1: the last of the classic model, which later ones read as well. */
const SCHEMA_VERSION = 42;
const PLUGIN_VERSION = '12.1.0';
const ROW_COLUMNS = 24;
const PANEL_ROWS = 8;
const STAT_ROWS = 5;
const DATASOURCE = { type: 'prometheus', uid: '$datasource' };

/** Grafana's ids of units. */
export type Unit = 's' | 'bytes' | 'Bps' | 'short' | 'percentunit' | 'reqps' | 'ops' | 'none' | 'bool_yes_no';

export interface Query {
  readonly expr: string;
  /** With labels in braces, such as "{{instance}}". */
  readonly legend: string;
}

export interface Panel {
  readonly title: string;
  /** What it answers, and what to make of it. */
  readonly description: string;
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** A line over time by default. */
  readonly kind?: 'timeseries' | 'stat' | 'heatmap';
  /** Areas on top of each other: parts of a whole. */
  readonly stacked?: boolean;
  /** Above it is bad: a line, or the colour of a figure. */
  readonly threshold?: number;
  /** Below `threshold` is bad, rather than above. */
  readonly lowIsBad?: boolean;
  readonly decimals?: number;
  /** May be below 0. */
  readonly signed?: boolean;
}

export interface Row {
  readonly title: string;
  /** So many panels side by side. */
  readonly columns: number;
  readonly panels: readonly Panel[];
  /** Shut until somebody opens it. */
  readonly collapsed?: boolean;
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** A metric that every replica tells: of it come the jobs and instances to choose from. */
  readonly presence: string;
  readonly rows: readonly Row[];
}

type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };
type JsonObject = { readonly [name: string]: Json };

/** The file that Grafana imports. */
export function toGrafana({ uid, title, description, presence, rows }: Dashboard): JsonObject {
  return {
    annotations: { list: [] },
    description,
    editable: true,
    graphTooltip: 1,
    links: [],
    panels: layOut(rows),
    refresh: '30s',
    schemaVersion: SCHEMA_VERSION,
    tags: ['claims'],
    templating: { list: variables(presence) },
    time: { from: 'now-3h', to: 'now' },
    timezone: 'browser',
    title,
    uid,
  };
}

function variables(presence: string): Json[] {
  const datasource = { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' };
  return [
    {
      ...datasource,
      current: {},
      hide: 0,
      includeAll: false,
      multi: false,
      options: [],
      refresh: 1,
      regex: '',
    },
    choice('job', 'Job', `label_values(${presence}, job)`),
    choice('instance', 'Instance', `label_values(${presence}{job=~"$job"}, instance)`),
  ];
}

/** Several values, or all. */
function choice(name: string, label: string, definition: string): JsonObject {
  return {
    name,
    label,
    type: 'query',
    datasource: DATASOURCE,
    definition,
    query: { qryType: 1, query: definition, refId: `variable-${name}` },
    allValue: '.+',
    current: { selected: true, text: ['All'], value: ['$__all'] },
    hide: 0,
    includeAll: true,
    multi: true,
    options: [],
    refresh: 2,
    regex: '',
    sort: 1,
  };
}

/** Rows from top to bottom, their panels from left to right; ids count up. */
function layOut(rows: readonly Row[]): Json[] {
  const placed: Json[] = [];
  let id = 0;
  let y = 0;
  for (const { title, columns, panels, collapsed = false } of rows) {
    const head = { id: ++id, type: 'row', title, collapsed, gridPos: { h: 1, w: ROW_COLUMNS, x: 0, y: y++ } };
    const width = ROW_COLUMNS / columns;
    let lineRows = 0;
    const own = panels.map((panel, i) => {
      if (i % columns === 0) {
        y += lineRows;
        lineRows = Math.max(...panels.slice(i, i + columns).map(rowsOf));
      }
      return toPanel(panel, ++id, { h: lineRows, w: width, x: (i % columns) * width, y });
    });
    // Grafana keeps the panels of a shut row within it, where they take no room, of an open one behind it.
    y = collapsed ? head.gridPos.y + 1 : y + lineRows;
    placed.push({ ...head, panels: collapsed ? own : [] }, ...(collapsed ? [] : own));
  }
  return placed;
}

function rowsOf({ kind }: Panel): number {
  return kind === 'stat' ? STAT_ROWS : PANEL_ROWS;
}

function toPanel(panel: Panel, id: number, gridPos: JsonObject): JsonObject {
  const { title, description, kind = 'timeseries' } = panel;
  return {
    id,
    type: kind,
    title,
    description,
    datasource: DATASOURCE,
    gridPos,
    pluginVersion: PLUGIN_VERSION,
    targets: panel.queries.map(({ expr, legend }, i) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + i),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
      editorMode: 'code',
      range: true,
      format: kind === 'heatmap' ? 'heatmap' : 'time_series',
    })),
    fieldConfig: { defaults: fieldDefaults(panel), overrides: [] },
    options: OPTIONS[kind](panel),
  };
}

function fieldDefaults(panel: Panel): JsonObject {
  const { kind = 'timeseries', unit, threshold, lowIsBad, stacked, decimals, signed } = panel;
  const [low, high] = lowIsBad === true ? ['red', 'green'] : ['green', 'red'];
  const steps = [
    { color: low, value: null },
    ...(threshold === undefined ? [] : [{ color: high, value: threshold }]),
  ];
  const common = {
    unit,
    thresholds: { mode: 'absolute', steps },
    ...(decimals === undefined ? {} : { decimals }),
  };
  if (kind !== 'timeseries') return { ...common, color: { mode: 'thresholds' } };
  return {
    ...common,
    color: { mode: 'palette-classic' },
    ...(signed === true ? {} : { min: 0 }),
    custom: {
      drawStyle: 'line',
      lineWidth: 1,
      fillOpacity: stacked === true ? 40 : 5,
      showPoints: 'never',
      spanNulls: false,
      stacking: { group: 'A', mode: stacked === true ? 'normal' : 'none' },
      thresholdsStyle: { mode: threshold === undefined ? 'off' : 'line' },
    },
  };
}

const OPTIONS: Readonly<Record<NonNullable<Panel['kind']>, (panel: Panel) => JsonObject>> = {
  timeseries: () => ({
    legend: {
      calcs: ['mean', 'max', 'lastNotNull'],
      displayMode: 'table',
      placement: 'bottom',
      showLegend: true,
    },
    tooltip: { mode: 'multi', sort: 'desc' },
  }),
  stat: ({ threshold }) => ({
    colorMode: threshold === undefined ? 'none' : 'value',
    graphMode: 'area',
    justifyMode: 'auto',
    orientation: 'auto',
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    textMode: 'value_and_name',
  }),
  heatmap: ({ unit }) => ({
    calculate: false,
    cellGap: 1,
    color: { mode: 'scheme', scheme: 'Oranges', steps: 64, exponent: 0.5, reverse: false },
    legend: { show: true },
    tooltip: { mode: 'single', yHistogram: true },
    yAxis: { unit, axisPlacement: 'left', reverse: false },
    filterValues: { le: 1e-9 },
  }),
};

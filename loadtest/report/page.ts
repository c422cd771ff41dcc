/**
 * The report as one HTML page that needs no network and no script: what was measured, against which
 * goals, on which machine, with tables and plots. Made from the reports of the benchmarks alone.
 */
import { type Chart, goalMet, type Table } from '../bench/bench-module.ts';
import { type BenchReport, COLUMNS, cells, machineLine, type Reports } from '../bench/report.ts';
import { chartSvg, isDashed, seriesColour } from './chart-svg.ts';
import { type Content, element, type Html, htmlTable } from './html.ts';
import { STYLE } from './style.ts';

/** Shown first, for they tell most: against what else there is, and over hours. */
const FIRST = ['side-by-side', 'soak'];

const GOAL_COLUMN = COLUMNS.findIndex(({ title }) => title === 'goal');

/** @param order names of the benchmarks, in which those not shown first follow. */
export function renderPage(reports: Reports, order: readonly string[]): string {
  const names = [...FIRST, ...order.filter((name) => !FIRST.includes(name))];
  const shown = names.flatMap((name): [string, BenchReport][] =>
    reports[name] === undefined ? [] : [[name, reports[name]]],
  );
  const [first, rest] = [
    shown.filter(([name]) => FIRST.includes(name)),
    shown.filter(([name]) => !FIRST.includes(name)),
  ];
  const body = element(
    'body',
    {},
    element('h1', {}, 'epoch-claims: what was measured'),
    element('p', {}, INTRODUCTION),
    contents(shown),
    ...first.map(([name, report]) => section(name, report)),
    goals(shown),
    ...rest.map(([name, report]) => section(name, report)),
  );
  const head = element(
    'head',
    {},
    { html: '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">' },
    element('title', {}, 'epoch-claims: measurements'),
    { html: `<style>${STYLE}</style>` },
  );
  return `<!doctype html>\n${element('html', { lang: 'en' }, head, body).html}\n`;
}

const INTRODUCTION =
  'Written by npm run report from bench.json and soak.json, which hold every figure and point shown here. ' +
  'A value is the median of its rounds; floors are measured in the same run, alternately with what is ' +
  'measured against them. CPU is that of the server process, all threads; the load generator shares the ' +
  'cores. Each section names the machine, commit and time of its run.';

function contents(shown: readonly [string, BenchReport][]): Html {
  const links = shown.map(([name]) => element('li', {}, element('a', { href: `#${name}` }, name)));
  return element('ul', {}, ...links);
}

/** Every goal of every benchmark, met or missed. */
function goals(shown: readonly [string, BenchReport][]): Html {
  const rows = shown.flatMap(([name, { rows }]) =>
    rows
      .filter((row) => row.goal !== undefined)
      .map((row): Content[] => {
        const [measure, value, unit, range] = cells(row);
        return [
          element('a', { href: `#${name}` }, name),
          measure,
          value,
          unit,
          range,
          goalCell(cells(row), goalMet(row)),
        ];
      }),
  );
  const met = shown.flatMap(([, report]) => report.rows).filter((row) => goalMet(row) === true).length;
  const columns = [{ title: 'benchmark', align: 'left' } as const, ...COLUMNS.slice(0, GOAL_COLUMN + 1)];
  return element(
    'section',
    { id: 'goals' },
    element('h2', {}, 'Goals'),
    element('p', {}, `${met} of ${rows.length} met.`),
    htmlTable(columns, rows),
  );
}

function section(name: string, report: BenchReport): Html {
  const { title, rows, charts = [], tables = [] } = report;
  const measured = rows.map((row) =>
    cells(row).map((cell, i): Content => (i === GOAL_COLUMN ? goalCell(cells(row), goalMet(row)) : cell)),
  );
  return element(
    'section',
    { id: name },
    element('h2', {}, name),
    element('p', {}, title),
    element('p', { class: 'faint' }, machineLine(report)),
    ...tables.map(table),
    ...charts.map(plot),
    htmlTable(COLUMNS, measured),
  );
}

function goalCell(row: readonly string[], met: boolean | undefined): Content {
  const text = row[GOAL_COLUMN];
  return met === undefined ? text : element('span', { class: met ? 'met' : 'missed' }, text);
}

/** The first column names what the others tell of. */
function table({ title, columns, rows }: Table): Html {
  const aligned = columns.map((column, i) => ({ title: column, align: i === 0 ? 'left' : 'right' }) as const);
  return htmlTable(aligned, rows, title);
}

function plot(chart: Chart): Html {
  const keys = chart.series.map(({ name }, i) => {
    const stroke = `border-top: 2px ${isDashed(i) ? 'dashed' : 'solid'} ${seriesColour(i)}`;
    return element('li', {}, element('span', { style: stroke }), name);
  });
  return element(
    'figure',
    {},
    element('figcaption', {}, chart.title),
    element('ul', { class: 'legend' }, ...keys),
    { html: chartSvg(chart) },
  );
}

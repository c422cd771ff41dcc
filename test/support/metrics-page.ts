/** What docs/metrics.md says of each metric, as far as the program says it too. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from './program.ts';

export interface PageMetric {
  /** In Prometheus. */
  readonly name: string;
  /** The line of its OpenTelemetry name, kind, unit and description, as it stands. */
  readonly what: string;
  /** By label: every value it may have. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
  /** What to do. */
  readonly advice: string;
}

/** @throws AssertionError at an entry that has not the form of the others. */
export function metricsPage(): PageMetric[] {
  const page = readFileSync(join(REPOSITORY, 'docs/metrics.md'), 'utf8');
  const entries = page.split(/^### /m).slice(1);
  return entries.map((entry) => {
    const [heading, what, ...rest] = entry.split(/^## /m)[0].trimEnd().split('\n\n');
    const name = /^`(\w+)`$/.exec(heading)?.[1];
    assert.ok(name !== undefined, `a heading is a name: ${heading}`);
    const [labels, advice] = rest.length === 2 ? rest : ['', ...rest];
    assert.ok(rest.length === 1 || rest.length === 2, `${name}: labels, if any, and what to do`);
    return { name, what, labels: labelsOf(labels), advice };
  });
}

function labelsOf(lines: string): Record<string, string[]> {
  const labels = lines.split('\n').filter((line) => line !== '');
  return Object.fromEntries(
    labels.map((line) => {
      const [, label, values] = /^- `(\w+)`: (.+)$/.exec(line) ?? assert.fail(`no label: ${line}`);
      return [label, values.split(', ').map((value) => value.replace(/^`(.+)`$/, '$1'))];
    }),
  );
}

/** Whether a label may have the value: N, alone or behind a hyphen, is the number of a thread. */
export function isDeclared(value: string, declared: readonly string[]): boolean {
  return declared.includes(value) || declared.includes(value.replace(/(^|-)\d+$/, '$1N'));
}

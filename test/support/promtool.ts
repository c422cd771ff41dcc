/** Debian's promtool, which checks rules, and what tests of rules say in its language. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testProgramPath } from '../../scripts/test-programs.ts';
import { REPOSITORY } from './program.ts';

export const RULES_FILE = join(REPOSITORY, 'monitoring', 'rules.yaml');

export type Labels = Readonly<Record<string, string>>;

export interface FiringAlert {
  readonly exp_labels: Labels;
  readonly exp_annotations: Labels;
}

/** A test of `promtool test rules`, as its documentation names the fields. */
export interface RulesTest {
  readonly name: string;
  /** Between two values of a series. */
  readonly interval: string;
  readonly input_series: readonly { readonly series: string; readonly values: string }[];
  readonly alert_rule_test?: readonly {
    readonly eval_time: string;
    readonly alertname: string;
    /** All that fire of this name. */
    readonly exp_alerts: readonly FiringAlert[];
  }[];
  readonly promql_expr_test?: readonly {
    readonly expr: string;
    readonly eval_time: string;
    readonly exp_samples: readonly { readonly labels: string; readonly value: number }[];
  }[];
}

export interface PromtoolRun {
  readonly exitCode: number | null;
  /** stdout and stderr. */
  readonly output: string;
}

/** Runs promtool. @param input what it reads on its standard input. */
export function promtool(args: readonly string[], input = ''): PromtoolRun {
  const { status, stdout, stderr } = spawnSync(testProgramPath('promtool'), args, {
    input,
    encoding: 'utf8',
  });
  return { exitCode: status, output: stdout + stderr };
}

/**
 * Runs tests of a file of rules.
 * @param groups in the order in which they are evaluated. @param interval between two evaluations.
 */
export function testRules(
  rulesFile: string,
  groups: readonly string[],
  interval: string,
  tests: readonly RulesTest[],
): PromtoolRun {
  const folder = mkdtempSync(join(tmpdir(), 'claims-rules-'));
  try {
    const file = join(folder, 'test.json');
    const content = {
      rule_files: [rulesFile],
      evaluation_interval: interval,
      group_eval_order: groups,
      tests,
    };
    // JSON, which is YAML.
    writeFileSync(file, JSON.stringify(content));
    return promtool(['test', 'rules', file]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A stretch of a counter: so many minutes, growing so much in each. */
export type Stretch = readonly [minutes: number, perMinute: number];

/** The values of a counter that was 0 at first, a value each minute. */
export function counter(...stretches: readonly Stretch[]): string {
  let value = 0;
  return stretches
    .map(([minutes, perMinute], i) => {
      // "a+bxn" is n + 1 values from a on; only the first stretch has the value of its begin.
      const first = i === 0 ? 0 : value + perMinute;
      value += minutes * perMinute;
      return `${first}+${perMinute}x${i === 0 ? minutes : minutes - 1}`;
    })
    .join(' ');
}

/** The values of a gauge, a value each minute. */
export function gauge(...stretches: readonly (readonly [minutes: number, value: number])[]): string {
  return stretches.map(([minutes, value]) => `${value}x${minutes - 1}`).join(' ');
}

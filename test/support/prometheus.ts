/**
 * A real Prometheus for tests: on a free port of the loopback, its data in a folder of its own that
 * goes with it. What it says of rules and queries comes from its HTTP interface.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, LOOPBACK } from './free-port.ts';
import type { Labels } from './promtool.ts';
import { ServerProcess } from './server-process.ts';

export interface PrometheusOptions {
  /** Files of rules. */
  readonly rules?: readonly string[];
  /** What is scraped, "host:port", and the job it is. */
  readonly targets?: readonly string[];
  readonly job?: string;
  /** Between two scrapes and two evaluations of rules; a second by default. */
  readonly interval?: string;
}

/** A rule as Prometheus has read it. */
export interface Rule {
  readonly type: 'alerting' | 'recording';
  readonly name: string;
  /** The expression, as Prometheus writes it. */
  readonly query: string;
  readonly labels: Labels;
  /** Of alerts. */
  readonly annotations: Labels;
  /** ok, err, or unknown before its first evaluation. */
  readonly health: 'ok' | 'err' | 'unknown';
  readonly lastError?: string;
  /** Of alerts: firing, pending or inactive. */
  readonly state?: string;
}

export interface RuleGroup {
  readonly name: string;
  readonly rules: readonly Rule[];
}

export interface Sample {
  readonly metric: Labels;
  readonly value: number;
}

const SERVING_LINE = 'Server is ready to receive web requests';

/** JSON, which is YAML. */
function configuration({
  rules = [],
  targets = [],
  job = 'claims',
  interval = '1s',
}: PrometheusOptions): object {
  return {
    global: { scrape_interval: interval, evaluation_interval: interval },
    rule_files: rules,
    scrape_configs: [{ job_name: job, static_configs: [{ targets }] }],
  };
}

export class Prometheus {
  readonly #address: string;
  readonly #folder: string;
  readonly #server: ServerProcess;

  private constructor(address: string, folder: string, server: ServerProcess) {
    this.#address = address;
    this.#folder = folder;
    this.#server = server;
  }

  /** Starts one and waits until it serves. @throws Error with what it wrote, where it doesn't. */
  static async start(options: PrometheusOptions = {}): Promise<Prometheus> {
    const folder = await mkdtemp(join(tmpdir(), 'claims-prometheus-'));
    const address = `${LOOPBACK}:${await freePort()}`;
    const file = join(folder, 'prometheus.json');
    try {
      await writeFile(file, JSON.stringify(configuration(options)));
      const server = await ServerProcess.start({
        program: 'prometheus',
        args: [
          `--config.file=${file}`,
          `--storage.tsdb.path=${join(folder, 'data')}`,
          `--web.listen-address=${address}`,
        ],
        servingLine: SERVING_LINE,
      });
      return new Prometheus(address, folder, server);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Ends it and removes its data. */
  async stop(): Promise<void> {
    await this.#server.end();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async ruleGroups(): Promise<readonly RuleGroup[]> {
    return (await this.#ask<{ groups: RuleGroup[] }>('rules', {})).groups;
  }

  /** The value of an expression now: a vector. @throws Error with what Prometheus says of it. */
  async query(expression: string): Promise<Sample[]> {
    const { result } = await this.#ask<{ result: { metric: Labels; value: [number, string] }[] }>('query', {
      query: expression,
    });
    return result.map(({ metric, value: [, text] }) => ({ metric, value: Number(text) }));
  }

  /** The values of a label of the series that a selector chooses. */
  labelValues(label: string, selector: string): Promise<string[]> {
    return this.#ask<string[]>(`label/${label}/values`, { 'match[]': selector });
  }

  async #ask<T>(path: string, fields: Readonly<Record<string, string>>): Promise<T> {
    const url = `http://${this.#address}/api/v1/${path}?${new URLSearchParams(fields)}`;
    const text = await (await fetch(url)).text();
    const reply: { status: string; error?: string; data: T } = JSON.parse(text);
    if (reply.status !== 'success') throw new Error(`${JSON.stringify(fields)}: ${reply.error}`);
    return reply.data;
  }
}

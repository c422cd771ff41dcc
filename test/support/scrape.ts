/** What /metrics says, read as Prometheus reads it. */
import assert from 'node:assert/strict';

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Of a histogram's name. */
const HISTOGRAM_SUFFIX = /_(?:bucket|sum|count)$/;

export class Scrape {
  readonly page: string;
  readonly samples: readonly Sample[];
  /** Names as `# TYPE` gives them, with the kind. */
  readonly kinds: ReadonlyMap<string, string>;

  constructor(page: string) {
    this.page = page;
    const lines = page.split('\n').filter((line) => line !== '');
    this.samples = lines.filter((line) => !line.startsWith('#')).map(sample);
    const types = lines.flatMap((line) => {
      const [, name, kind] = /^# TYPE (\w+) (\w+)$/.exec(line) ?? [];
      return name === undefined ? [] : [[name, kind] as const];
    });
    this.kinds = new Map(types);
    assert.equal(this.kinds.size, types.length, 'each metric is told once');
  }

  static async of({ adminAddress }: { readonly adminAddress: string }): Promise<Scrape> {
    const reply = await fetch(`http://${adminAddress}/metrics`);
    assert.equal(reply.status, 200);
    return new Scrape(await reply.text());
  }

  /** The name of the metric that a sample is of. */
  metricOf({ name }: Sample): string {
    return this.kinds.has(name) ? name : name.replace(HISTOGRAM_SUFFIX, '');
  }

  /** Samples of a name whose labels have at least these values. */
  find(name: string, labels: Readonly<Record<string, string>> = {}): Sample[] {
    const wanted = Object.entries(labels);
    return this.samples.filter(
      (one) => one.name === name && wanted.every(([label, value]) => one.labels[label] === value),
    );
  }

  /** The sum of these; 0 where there are none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.find(name, labels).reduce((total, { value }) => total + value, 0);
  }
}

function sample(line: string): Sample {
  const [, name, labels = '', value] =
    /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? assert.fail(`no sample: ${line}`);
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, text]) => [label, text]);
  return {
    name,
    labels: Object.fromEntries(pairs),
    value: value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value),
  };
}

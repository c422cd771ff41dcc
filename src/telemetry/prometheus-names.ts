/**
 * What Prometheus calls a metric: `_` for `.`, the unit behind it, `_total` behind a counter, as
 * OpenTelemetry's specification of compatibility with Prometheus says. The exporter's own
 * serializer leaves units out, so a latency would not tell that it is in seconds.
 */
import type { Metric } from './metric.ts';

/** Units that stand in names; those in braces only say what is counted. */
const UNIT_NAMES: Readonly<Record<string, string>> = {
  s: 'seconds',
  By: 'bytes',
  'By/s': 'bytes_per_second',
  'By/h': 'bytes_per_hour',
};
/** Of a gauge; a counter of parts would be no ratio. */
const RATIO = { unit: '1', name: 'ratio' };

export function prometheusName({ name, unit, kind }: Pick<Metric, 'name' | 'unit' | 'kind'>): string {
  const suffix = kind === 'gauge' && unit === RATIO.unit ? RATIO.name : UNIT_NAMES[unit];
  const words = name.replaceAll('.', '_');
  const withUnit = suffix === undefined ? words : `${words}_${suffix}`;
  return kind === 'counter' ? `${withUnit}_total` : withUnit;
}

/** Likewise of a label. */
export function prometheusLabel(label: string): string {
  return label.replaceAll('.', '_');
}

/** The metrics that an OTLP receiver was sent, as they came over the wire. */
import type { OtlpReceiver } from './otlp-receiver.ts';

export interface ReceivedPoint {
  readonly attributes: Readonly<Record<string, string>>;
  /** Of a counter or gauge. */
  readonly value: number;
  /** Of a histogram. */
  readonly count: number;
  readonly sum: number;
  readonly bounds: readonly number[];
  readonly bucketCounts: readonly number[];
}

export interface ReceivedMetric {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly kind: 'counter' | 'gauge' | 'histogram' | 'other';
  /** AGGREGATION_TEMPORALITY_…; empty for a gauge. */
  readonly temporality: string;
  readonly points: readonly ReceivedPoint[];
  readonly resource: Readonly<Record<string, string>>;
}

interface WireAttribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string };
}
interface WirePoint {
  readonly attributes: readonly WireAttribute[];
  readonly asDouble?: number;
  readonly asInt?: string;
  readonly count?: string;
  readonly sum?: number;
  readonly explicitBounds?: readonly number[];
  readonly bucketCounts?: readonly string[];
}
interface WireData {
  readonly dataPoints: readonly WirePoint[];
  readonly aggregationTemporality?: string;
  readonly isMonotonic?: boolean;
}
interface WireMetric {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly gauge?: WireData;
  readonly sum?: WireData;
  readonly histogram?: WireData;
}
interface WireMetrics {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes: readonly WireAttribute[] };
    readonly scopeMetrics: readonly { readonly metrics: readonly WireMetric[] }[];
  }[];
}

/** One list for each request that it took, in order. */
export function receivedMetrics(receiver: OtlpReceiver): ReceivedMetric[][] {
  const exports = receiver.requests.filter(({ path }) => path === '/v1/metrics');
  return exports.map(({ message }) =>
    (message as unknown as WireMetrics).resourceMetrics.flatMap(({ resource, scopeMetrics }) =>
      scopeMetrics.flatMap(({ metrics }) =>
        metrics.map((metric) => received(metric, plain(resource.attributes))),
      ),
    ),
  );
}

function received(metric: WireMetric, resource: Readonly<Record<string, string>>): ReceivedMetric {
  const { name, description, unit } = metric;
  const data = metric.gauge ?? metric.sum ?? metric.histogram ?? { dataPoints: [] };
  return {
    name,
    description,
    unit,
    kind: kindOf(metric),
    temporality: data.aggregationTemporality ?? '',
    points: data.dataPoints.map(point),
    resource,
  };
}

function kindOf({ gauge, sum, histogram }: WireMetric): ReceivedMetric['kind'] {
  if (gauge !== undefined) return 'gauge';
  if (sum?.isMonotonic === true) return 'counter';
  return histogram === undefined ? 'other' : 'histogram';
}

function point(wire: WirePoint): ReceivedPoint {
  return {
    attributes: plain(wire.attributes),
    value: wire.asDouble ?? Number(wire.asInt ?? Number.NaN),
    count: Number(wire.count ?? 0),
    sum: wire.sum ?? 0,
    bounds: wire.explicitBounds ?? [],
    bucketCounts: (wire.bucketCounts ?? []).map(Number),
  };
}

function plain(attributes: readonly WireAttribute[]): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? '']));
}

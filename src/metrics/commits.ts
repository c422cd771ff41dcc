/** What group commit tells: how large its batches are, how many are under way, what waits. */
import type { Engine } from '../engine.ts';
import type { StoreMeter } from '../store/store-meter.ts';
import { gauge, histogram, type Metric } from '../telemetry/metric.ts';

export function commitMetrics(engine: Engine, meter: StoreMeter): Metric[] {
  return [
    histogram('claims.commit.size', '{claim}', 'claims of each commit', () => meter.commitSizes),
    gauge(
      'claims.commit.in_flight',
      '{commit}',
      'commits that the store has not answered yet',
      () => meter.commitsInFlight,
    ),
    gauge(
      'claims.commit.waiting',
      '{claim}',
      'claims that wait for the next commit',
      () => engine.commitBacklog,
    ),
  ];
}

/** What epochs and the registry's upkeep tell: where this replica is, how late, what it has read. */
import type { Engine } from '../engine.ts';
import { STORE_ERROR_CODES, type StoreMeter } from '../store/store-meter.ts';
import { counter, flag, gauge, histogram, type Metric } from '../telemetry/metric.ts';

export function epochMetrics(engine: Engine, meter: StoreMeter): Metric[] {
  return [
    flag('claims.ready', '1 while this replica is ready', () => engine.readiness().ready),
    gauge('claims.epoch', '{epoch}', 'the epoch in force on this replica', () => engine.epoch),
    gauge(
      'claims.epoch.last_complete',
      '{epoch}',
      'the last complete epoch',
      () => engine.epochs.lastComplete,
    ),
    histogram(
      'claims.epoch.duration',
      's',
      'how long the segments took at the boundaries of epochs',
      () => engine.epochMeter.durations,
    ),
    histogram(
      'claims.epoch.lateness',
      's',
      'from the boundary of an epoch by the clock until every segment had moved on',
      () => engine.epochMeter.lateness,
    ),
    counter('claims.epoch.store_failures', '{call}', 'times the store did not take an epoch', () =>
      STORE_ERROR_CODES.reduce((sum, code) => sum + meter.errors('advance_epoch', code), 0),
    ),
    flag(
      'claims.clock.behind',
      '1 while the clock is behind the epoch in force, which is held',
      () => engine.clockBehind,
    ),
    gauge(
      'claims.hydration.claims_read',
      '{claim}',
      'claims read from the store to fill the table, at start and for segments that lost theirs',
      () => engine.claimsHydrated,
    ),
    counter(
      'claims.reconciled',
      '{claim}',
      'claims of a shared registry read again by reconciliation',
      () => engine.claimsReconciled,
    ),
  ];
}

/** What the store tells: how long its calls take, which fail, what it holds that can't be read. */
import { STORE_ERROR_CODES, STORE_OPERATIONS, type StoreMeter } from '../store/store-meter.ts';
import { gauge, type Metric } from '../telemetry/metric.ts';

/** @param corruptFields fields of the registry met so far whose values can't be read. */
export function storeMetrics(meter: StoreMeter, corruptFields: () => number): Metric[] {
  return [
    {
      kind: 'histogram',
      name: 'claims.store.duration',
      unit: 's',
      description: 'how long calls of the store took, failed ones too',
      labels: { operation: STORE_OPERATIONS },
      read: (observe) => {
        for (const operation of STORE_OPERATIONS) observe(meter.duration(operation), { operation });
      },
    },
    {
      kind: 'counter',
      name: 'claims.store.errors',
      unit: '{call}',
      description: 'calls of the store that failed',
      labels: { operation: STORE_OPERATIONS, code: STORE_ERROR_CODES },
      read: (observe) => {
        for (const operation of STORE_OPERATIONS) {
          for (const code of STORE_ERROR_CODES) observe(meter.errors(operation, code), { operation, code });
        }
      },
    },
    gauge(
      'claims.store.corrupt_fields',
      '{field}',
      'fields of the registry whose values can not be read: their claims are UNAVAILABLE',
      corruptFields,
    ),
  ];
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diag } from '@opentelemetry/api';
import { SteppedClock } from '../../src/clock/stepped-clock.ts';
import { logDiagnostics } from '../../src/telemetry/otel-diagnostics.ts';
import { CapturedLog } from '../support/captured-log.ts';

test('warnings and errors of the libraries are a line a minute at most, with how many were left out', () => {
  const clock = new SteppedClock(0);
  const { logger, lines } = new CapturedLog();
  logDiagnostics(logger, clock);
  diag.info('a batch was sent');
  diag.error('Error: no\n    at somewhere');
  diag.warn('again');
  diag.error('and again');
  clock.step(60_000);
  diag.warn(`later ${'x'.repeat(1_000)}`);
  assert.deepEqual(
    lines.map(({ level, suppressed, msg }) => [level, suppressed, msg.slice(0, 30)]),
    [
      ['warn', 0, 'OpenTelemetry: Error: no'],
      ['warn', 2, 'OpenTelemetry: later xxxxxxxxx'],
    ],
  );
  assert.ok(lines[1].msg.length < 600);
});

/** Who asks for the page is answered, whatever becomes of it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { systemClock } from '../../src/clock/clock.ts';
import { gauge } from '../../src/telemetry/metric.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { CapturedLog } from '../support/captured-log.ts';

test('a page that can not be told is 500 and a line in the log; the next one is told again', async (t) => {
  let broken = true;
  const size = gauge('claims.size', '', 'how large it is', () => {
    if (broken) throw new Error('not today');
    return 7;
  });
  const log = new CapturedLog();
  const metrics = new Metrics([size], systemClock, log.logger);
  const server = createServer((_request, response) => void metrics.serve(response)).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const refused = await fetch(url);
  assert.equal(refused.status, 500);
  assert.equal(await refused.text(), '');
  assert.deepEqual(log.told, ['error: metrics can not be told']);
  broken = false;
  const told = await fetch(url);
  assert.equal(told.status, 200);
  assert.equal(told.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  assert.match(await told.text(), /^claims_size 7$/m);
  await metrics.close();
});

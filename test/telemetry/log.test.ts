import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SteppedClock } from '../../src/clock/stepped-clock.ts';
import { remoteLog, writeLine } from '../../src/serving/thread-log.ts';
import { createLog, type Log } from '../../src/telemetry/log.ts';
import { RuntimeStats } from '../../src/telemetry/runtime/runtime-stats.ts';
import { traceFields } from '../../src/telemetry/trace-parent.ts';

const LIMITS = { lines: 2, windowMs: 1_000, events: 8 };

interface Written {
  readonly log: Log;
  readonly clock: SteppedClock;
  lines(): Record<string, unknown>[];
  leftOut(): number;
}

function logTo(level: string): Written {
  const clock = new SteppedClock(0);
  let text = '';
  let leftOut = 0;
  const stream = {
    write: (chunk: string) => {
      text += chunk;
    },
  };
  const count = (): void => {
    leftOut += 1;
  };
  const log = createLog({ level, stream, limits: LIMITS, clock, leftOut: count });
  const lines = () =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  return { log, clock, lines, leftOut: () => leftOut };
}

const MESSAGES = (written: Written): unknown[] => written.lines().map(({ msg }) => msg);

test('a line is one JSON object: time in ISO 8601, level by name, fields, message', () => {
  const written = logTo('info');
  written.log.logger.warn({ code: 'X', err: new Error('no') }, 'the store fails');
  const [{ time, err, ...rest }] = written.lines();
  assert.deepEqual(rest, { level: 'warn', code: 'X', msg: 'the store fails' });
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.match(JSON.stringify(err), /"message":"no".*"stack":/);
});

describe('an event that repeats', () => {
  test('is written a few times; then it is counted, and told once how often', () => {
    const written = logTo('info');
    for (let i = 0; i < 5; i += 1) written.log.logger.error({ i }, 'fails');
    written.log.logger.info('another');
    assert.deepEqual(MESSAGES(written), ['fails', 'fails', 'another']);
    assert.equal(written.leftOut(), 3);
    written.clock.step(1_000);
    const { level, msg, event, lines } = written.lines()[3];
    assert.deepEqual([level, msg, event, lines], ['warn', 'lines were left out of the log', 'fails', 3]);
    written.log.logger.error('fails');
    assert.equal(MESSAGES(written).at(-1), 'fails');
  });

  test('is told of, however many others are too', () => {
    const written = logTo('info');
    for (const event of ['a', 'b', 'c', 'd']) {
      for (let i = 0; i < 3; i += 1) written.log.logger.info(event);
    }
    written.clock.step(1_000);
    assert.deepEqual(
      written.lines().flatMap(({ event }) => event ?? []),
      ['a', 'b', 'c', 'd'],
    );
  });

  test('is told before the end too', () => {
    const written = logTo('info');
    for (let i = 0; i < 3; i += 1) written.log.logger.info('x');
    written.log.flush();
    assert.deepEqual(MESSAGES(written), ['x', 'x', 'lines were left out of the log']);
  });

  test('is never left out where it is fatal, nor where somebody asked for debug', () => {
    const written = logTo('debug');
    for (let i = 0; i < 5; i += 1) written.log.logger.fatal('dies');
    for (let i = 0; i < 5; i += 1) written.log.logger.debug({ i }, 'detail');
    assert.equal(written.lines().length, 10);
    assert.equal(written.leftOut(), 0);
  });

  test('below the level that is written it counts for nothing', () => {
    const written = logTo('error');
    for (let i = 0; i < 5; i += 1) written.log.logger.warn('x');
    assert.deepEqual([written.lines(), written.leftOut()], [[], 0]);
  });
});

test('a thread sends no more lines of an event than are written, and counts what it leaves out', () => {
  const written = logTo('info');
  const clock = new SteppedClock(0);
  const stats = new RuntimeStats({ memory: RuntimeStats.allocate(1), thread: 0 });
  let sent = 0;
  const log = remoteLog(
    (message) => {
      sent += 1;
      writeLine(written.log.logger, structuredClone(message));
    },
    clock,
    stats,
  );
  for (let i = 0; i < 1_000; i += 1) log.error({ i }, 'fails');
  assert.equal(sent, 10);
  assert.equal(stats.logLinesLeftOut, 990);
  clock.step(10_000);
  assert.equal(sent, 11);
  const { msg, event, lines } = written.lines()[2];
  assert.deepEqual([msg, event, lines], ['lines were left out of the log', 'fails', 990]);
  for (let i = 0; i < 20; i += 1) log.fatal('dies');
  assert.equal(sent, 31);
});

test('a line about a call whose trace is known bears it; one about another bears nothing', () => {
  const parent = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', sampled: true };
  assert.deepEqual(traceFields(parent), { trace_id: parent.traceId, span_id: parent.spanId });
  assert.equal(traceFields(undefined), undefined);
});

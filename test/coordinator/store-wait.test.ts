import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SteppedClock } from '../../src/clock/stepped-clock.ts';
import { Pause } from '../../src/coordinator/pause.ts';
import { StoreWait } from '../../src/coordinator/store-wait.ts';
import { RegistryMismatch, StoreUnavailable } from '../../src/domain/errors.ts';

/** Lets every promise run that can. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

/** Asks a store that fails until it is told otherwise, and notes when it was asked. */
class Bench {
  readonly clock = new SteppedClock(0);
  readonly told: string[] = [];
  readonly askedAtMs: number[] = [];
  readonly wait: StoreWait;
  failure: Error | undefined = new StoreUnavailable('away');

  constructor(mayPass: (error: Error) => boolean = (error) => error instanceof StoreUnavailable) {
    this.wait = new StoreWait(this.clock, mayPass, {
      waiting: (error) => this.told.push(error.message),
      answered: () => this.told.push('answered'),
    });
  }

  ask(): Promise<string> {
    return this.wait.ask(async () => {
      this.askedAtMs.push(this.clock.nowMs());
      if (this.failure !== undefined) throw this.failure;
      return 'answer';
    });
  }

  async step(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 50) {
      this.clock.step(Math.min(50, left));
      await settle();
    }
  }
}

describe('waiting for a store', () => {
  test('it is asked again, sooner at first, every two seconds in the end', async () => {
    const bench = new Bench();
    const asked = bench.ask();
    await settle();
    await bench.step(10_000);
    assert.deepEqual(bench.askedAtMs, [0, 100, 300, 700, 1_500, 3_100, 5_100, 7_100, 9_100]);
    bench.failure = undefined;
    await bench.step(2_000);
    assert.equal(await asked, 'answer');
    assert.equal(bench.wait.failure, undefined);
  });

  test('it is told once, then once a minute, and when it is over', async () => {
    const bench = new Bench();
    const asked = bench.ask();
    await settle();
    assert.equal(bench.wait.failure?.message, 'away');
    await bench.step(50_000);
    assert.deepEqual(bench.told, ['away']);
    bench.failure = new StoreUnavailable('still away');
    await bench.step(15_000);
    assert.deepEqual(bench.told, ['away', 'still away']);
    bench.failure = undefined;
    await bench.step(2_000);
    await asked;
    assert.deepEqual(bench.told, ['away', 'still away', 'answered']);
    await bench.ask();
    assert.equal(bench.told.length, 3, 'an answer that nobody waited for is no news');
  });

  test('what does not pass is thrown at once', async () => {
    const bench = new Bench();
    for (const failure of [new RegistryMismatch('other length'), new TypeError('ours')]) {
      bench.failure = failure;
      await assert.rejects(bench.ask(), failure);
    }
    assert.deepEqual(bench.told, []);
    const never = new Bench(() => false);
    await assert.rejects(never.ask(), { message: 'away' });
  });

  test('a stop ends the waiting, and refuses what is asked later', async () => {
    const bench = new Bench();
    const asked = bench.ask();
    await settle();
    bench.wait.stop();
    await assert.rejects(asked, StoreUnavailable);
    bench.failure = undefined;
    await assert.rejects(bench.ask(), StoreUnavailable);
    await bench.step(5_000);
    assert.deepEqual(bench.askedAtMs, [0]);
  });
});

describe('a pause', () => {
  test('lasts as long as it is told, and can be cut short', async () => {
    const clock = new SteppedClock(0);
    const pause = new Pause(clock);
    const over: number[] = [];
    const wait = (ms: number) => pause.of(ms).then(() => over.push(clock.nowMs()));
    await wait(0);
    await wait(-1);
    const first = wait(30);
    clock.step(29);
    await settle();
    assert.equal(over.length, 2);
    clock.step(1);
    await first;
    const second = wait(1_000);
    clock.step(10);
    pause.end();
    await second;
    await wait(1_000);
    assert.deepEqual(over, [0, 0, 30, 40, 40]);
  });
});

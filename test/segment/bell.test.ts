import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { BellListener, ring } from '../../src/segment/bell.ts';

function newBells(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(8));
}

/** Lets everything run that was set off by ringing. */
async function turn(): Promise<void> {
  for (let i = 0; i < 5; i += 1) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

/** Listens to bell 1 and counts. */
function listening(bells: Int32Array, onRing: () => void = () => undefined) {
  const heard = { count: 0 };
  const listener = new BellListener(bells, 1, () => {
    heard.count += 1;
    onRing();
  });
  return { heard, listener, ended: listener.listen() };
}

test('a ring is heard on the event loop, not within the call', async () => {
  const bells = newBells();
  const { heard, listener, ended } = listening(bells);
  ring(bells, 1);
  assert.equal(heard.count, 0);
  await turn();
  assert.equal(heard.count, 1);
  listener.stop();
  await ended;
});

test('rings that come before the first is heard are heard as one; later ones again', async () => {
  const bells = newBells();
  const { heard, listener, ended } = listening(bells);
  for (let i = 0; i < 10; i += 1) ring(bells, 1);
  await turn();
  assert.equal(heard.count, 1);
  ring(bells, 1);
  await turn();
  assert.equal(heard.count, 2);
  listener.stop();
  await ended;
});

test('a ring before anybody listens is not lost, and other bells are not heard', async () => {
  const bells = newBells();
  ring(bells, 1);
  ring(bells, 0);
  const { heard, listener, ended } = listening(bells);
  await turn();
  assert.equal(heard.count, 1);
  listener.stop();
  await ended;
});

test('the bell is silent when it is heard, so that what is pushed meanwhile rings again', async () => {
  const bells = newBells();
  let again = 3;
  const { heard, listener, ended } = listening(bells, () => {
    again -= 1;
    if (again > 0) ring(bells, 1);
  });
  ring(bells, 1);
  await turn();
  assert.equal(heard.count, 3);
  listener.stop();
  await ended;
});

test('stop ends the listening, and nothing is heard any more', async () => {
  const bells = newBells();
  const { heard, listener, ended } = listening(bells);
  listener.stop();
  await ended;
  ring(bells, 1);
  await turn();
  assert.equal(heard.count, 0);
});

test('what the listener throws ends the listening with it', async () => {
  const bells = newBells();
  const { ended } = listening(bells, () => {
    throw new Error('from the listener');
  });
  ring(bells, 1);
  await assert.rejects(ended, /from the listener/);
});

test('rings of another thread are heard, and none is lost', async () => {
  const RINGS = 2_000;
  const bells = newBells();
  const pushed = new Int32Array(new SharedArrayBuffer(4));
  const { promise: sawAll, resolve } = Promise.withResolvers<void>();
  const { heard, listener, ended } = listening(bells, () => {
    if (Atomics.load(pushed, 0) === RINGS) resolve();
  });
  // What is pushed before a ring must be seen by the call that follows it: the last one above all.
  const worker = new Worker(
    `const { workerData } = require('node:worker_threads');
     import(workerData.bell).then(({ ring }) => {
       for (let i = 0; i < ${RINGS}; i += 1) {
         Atomics.add(workerData.pushed, 0, 1);
         ring(workerData.bells, 1);
       }
     });`,
    {
      eval: true,
      workerData: { bell: new URL('../../src/segment/bell.ts', import.meta.url).href, bells, pushed },
    },
  );
  await sawAll;
  assert.ok(heard.count >= 1 && heard.count <= RINGS);
  listener.stop();
  await ended;
  await worker.terminate();
});

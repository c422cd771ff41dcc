/** Reflection whose library can't be loaded: the caller is told, the server goes on, the next call tries again. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import { status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { Reflection } from '../../src/wire/reflection.ts';

test('a library that is not there is INTERNAL for the call, and is asked for again', async () => {
  const told: unknown[] = [];
  let loads = 0;
  const missing = new Error('Cannot find module');
  const reflection = new Reflection(
    (error) => told.push(error),
    async () => {
      loads += 1;
      throw missing;
    },
  );
  const services: UntypedServiceImplementation[] = [];
  reflection.addToServer({ addService: (_, handlers) => void services.push(handlers) });
  for (const expected of [1, 2]) {
    const call = new EventEmitter();
    const failed = once(call, 'error');
    Reflect.apply(services[0]['ServerReflectionInfo'], undefined, [call]);
    const [error] = await failed;
    assert.equal(error.code, status.INTERNAL);
    assert.equal(loads, expected);
  }
  assert.deepEqual(told, [missing, missing]);
});

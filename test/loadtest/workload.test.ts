import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimId } from '../../loadtest/measure/messages.ts';
import { makeWorkload, type Workload, type WorkloadName } from '../../loadtest/measure/workload.ts';

function workload(name: WorkloadName, overrides = {}): Workload {
  return makeWorkload({
    workload: name,
    run: 'r',
    first: 100,
    items: 3,
    lag: 4,
    scattered: false,
    ...overrides,
  });
}

/** The next requests as "Method number", by the claim id in their bytes. */
function next(load: Workload, count: number): string[] {
  return Array.from({ length: count }, () => {
    const { path, message } = load.next();
    const text = message.toString('latin1');
    const number = Number(text.slice(text.indexOf('r-') + 2, text.indexOf('r-') + 12));
    assert.ok(text.includes(claimId('r', number)));
    return `${path.slice(path.lastIndexOf('/') + 1)} ${number}`;
  });
}

test('unary workloads go through the claims one by one', () => {
  assert.deepEqual(next(workload('submit'), 3), ['SubmitClaim 100', 'SubmitClaim 101', 'SubmitClaim 102']);
  assert.deepEqual(next(workload('validate'), 2), ['ValidateClaim 100', 'ValidateClaim 101']);
});

test('batch workloads go on where the last batch ended', () => {
  assert.deepEqual(next(workload('batch-submit'), 2), ['BatchSubmitClaims 100', 'BatchSubmitClaims 103']);
  assert.deepEqual(next(workload('batch-validate'), 2), [
    'BatchValidateClaims 100',
    'BatchValidateClaims 103',
  ]);
});

test('mixed submits two claims for each that it validates, lag claims later', () => {
  const requests = next(workload('mixed'), 300);
  assert.deepEqual(requests.slice(0, 9), [
    'SubmitClaim 100',
    'SubmitClaim 101',
    'SubmitClaim 102',
    'SubmitClaim 103',
    'SubmitClaim 104',
    'SubmitClaim 105',
    'ValidateClaim 100',
    'SubmitClaim 106',
    'SubmitClaim 107',
  ]);
  const submitted = requests.filter((request) => request.startsWith('Submit')).length;
  assert.equal(new Set(requests).size, 300, 'a request was made twice');
  const ahead = submitted - 2 * (300 - submitted);
  assert.ok(ahead >= 4 && ahead <= 6, `${ahead} submits ahead of the validates`);
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ClaimStatus, type PartitionMode } from '../../../src/domain/claim.ts';
import { fieldOf, parseClaim } from '../../../src/store/redis/values.ts';

const claim = (partition: PartitionMode, value: string, field = fieldOf('c', 'p', partition)) =>
  parseClaim(field, value, partition);

describe('a claim in Redis', () => {
  test('each letter is a status', () => {
    const statusOf = (letter: string) => claim('claim', `${letter}|17|3|p`)?.status;
    assert.deepEqual(['P', 'V', 'E'].map(statusOf), [
      ClaimStatus.PENDING,
      ClaimStatus.VALIDATED,
      ClaimStatus.EXPIRED,
    ]);
  });

  test('is told as it stands, in both modes', () => {
    const expected = {
      claimId: 'c',
      playerId: 'p',
      timestampMs: 1_700_000_000_000,
      status: ClaimStatus.PENDING,
      endEpoch: 170_000_001,
    };
    for (const mode of ['claim', 'player'] as const) {
      assert.deepEqual(claim(mode, 'P|1700000000000|170000001|p'), expected);
    }
  });

  test('a player id may hold bars', () => {
    assert.equal(claim('claim', 'P|1|2|a|b|')?.playerId, 'a|b|');
  });

  test('ids of 64 bytes are ids, longer ones are not', () => {
    const long = '\u00e9'.repeat(32);
    assert.equal(claim('claim', `P|1|2|${long}`, long)?.claimId, long);
    assert.equal(claim('claim', `P|1|2|${long}x`), undefined);
    assert.equal(claim('claim', 'P|1|2|p', `${long}x`), undefined);
    assert.equal(claim('claim', 'P|1|2|p', ''), undefined);
  });

  test('in player mode the field and the value name one player', () => {
    assert.equal(claim('player', 'P|1|2|other'), undefined);
    assert.equal(claim('player', 'P|1|2|p', 'c'), undefined);
    assert.equal(claim('player', 'P|1|2|p', 'p\u001f'), undefined);
    assert.equal(claim('player', 'P|1|2|p', 'p\u001fc\u001f'), undefined);
  });

  for (const value of [
    '',
    'P|1|2|',
    'P|1|2',
    'X|1|2|p',
    'p|1|2|p',
    'P|-1|2|p',
    'P|1|12345678901234567|p',
    'P|1|2|p\n',
  ]) {
    test(`${JSON.stringify(value)} is none`, () => assert.equal(claim('claim', value), undefined));
  }
});

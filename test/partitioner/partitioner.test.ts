import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PartitionMode } from '../../src/domain/claim.ts';
import { EntryTable } from '../../src/entries/entry-table.ts';
import { StatePartitioner } from '../../src/partitioner/partitioner.ts';

/** 1 … 65,536: what an entry's column holds. */
const SEGMENT_COUNTS = Array.from({ length: 17 }, (_, bits) => 2 ** bits);
const HASHES = 2 ** 32;

test('a hash’s segment is its place among equal parts of all hashes, at every boundary and extreme', () => {
  for (const segments of SEGMENT_COUNTS) {
    const partitioner = new StatePartitioner(segments, 'claim');
    const part = HASHES / segments;
    for (const hash of [0, 1, 2 ** 31 - 1, 2 ** 31, HASHES - 2, HASHES - 1]) {
      // Division by a power of two is exact.
      assert.equal(partitioner.segmentOf(hash), Math.floor(hash / part), `${hash} of ${segments}`);
    }
    for (let segment = 0; segment < segments; segment += 1) {
      assert.equal(partitioner.segmentOf(segment * part), segment, `first hash of ${segment} of ${segments}`);
      const last = (segment + 1) * part - 1;
      assert.equal(partitioner.segmentOf(last), segment, `last hash of ${segment} of ${segments}`);
    }
  }
});

test('a number of segments that is no power of two from 1 to 65,536 is an assertion', () => {
  const notAllowed = [0, -1, -2, 0.25, 0.5, 1.5, 3, 63, 65, 65_535, 65_537, 131_072, Number.NaN, Infinity];
  for (const segments of notAllowed) {
    assert.throws(() => new StatePartitioner(segments, 'claim'), { name: 'AssertionFailure' }, `${segments}`);
  }
});

interface Place {
  readonly hash: number;
  readonly segment: number;
}

/** Assigns in an entry that held another, longer identity before. */
function placeOf(partitioner: StatePartitioner, claimId: string, playerId: string): Place {
  const entries = EntryTable.allocate(2);
  entries.setClaimId(1, 'x'.repeat(64));
  entries.setPlayerId(1, 'y'.repeat(64));
  entries.setClaimId(1, claimId);
  entries.setPlayerId(1, playerId);
  partitioner.assign(entries, 1);
  return { hash: entries.hash[1], segment: entries.segment[1] };
}

test('in claim mode a claim is where its id says, whoever asks', () => {
  const partitioner = new StatePartitioner(64, 'claim');
  const place = placeOf(partitioner, 'test', 'ann');
  assert.deepEqual(placeOf(partitioner, 'test', 'ben'), place);
  assert.equal(place.hash, 0xba6bd213, 'the hash is the id’s, so that any replica finds the claim');
  assert.equal(place.segment, 0xba6bd213 >>> 26);
  assert.notEqual(placeOf(partitioner, 'test2', 'ann').hash, place.hash);
});

test('in player mode all claims of a player are in one segment, each with a hash of its own', () => {
  const partitioner = new StatePartitioner(64, 'player');
  for (const player of ['test', 'ann', 'ß', 'p'.repeat(64)]) {
    const places = Array.from({ length: 500 }, (_, i) => placeOf(partitioner, `chest-${i}`, player));
    assert.equal(new Set(places.map((place) => place.segment)).size, 1, player);
    assert.equal(new Set(places.map((place) => place.hash)).size, 500, player);
  }
  assert.equal(
    placeOf(partitioner, 'chest-1', 'test').segment,
    0xba6bd213 >>> 26,
    'the player’s hash decides',
  );
  const [ann, ben] = ['ann', 'ben'].map((player) => placeOf(partitioner, 'chest-1', player));
  assert.notEqual(ann.hash, ben.hash, 'two players’ claims of one treasure are two');
});

test('a mode and an identity give the same place in every entry and table', () => {
  for (const mode of ['claim', 'player'] as const) {
    const places = [1, 2].map(() => placeOf(new StatePartitioner(1_024, mode), 'a', 'b'));
    assert.deepEqual(places[0], places[1]);
  }
});

/** A linear congruential generator (Numerical Recipes), so that every run sees the same ids. */
function randomHex(): () => string {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state.toString(16).padStart(8, '0');
  };
}

function manyIds(make: (i: number) => string): string[] {
  return Array.from({ length: 64 * 512 }, (_, i) => make(i));
}
const hex = randomHex();
const KINDS_OF_IDS: readonly (readonly [string, readonly string[]])[] = [
  ['numbers', manyIds(String)],
  ['numbered names', manyIds((i) => `treasure-${String(i).padStart(8, '0')}`)],
  ['names with a long common head', manyIds((i) => `eu-west-1/season-12/world-7/island-33/chest/${i}`)],
  ['names with a common tail', manyIds((i) => `${i}:player@example.org`)],
  ['a grid of places', manyIds((i) => `chest:${i % 181}:${Math.floor(i / 181)}`)],
  [
    'UUIDs',
    manyIds(
      () => `${hex()}-${hex().slice(4)}-4${hex().slice(5)}-a${hex().slice(5)}-${hex()}${hex().slice(4)}`,
    ),
  ],
];

/**
 * Pearson's χ² of counts against an even spread. For counts.length − 1 = 63 degrees of freedom its
 * mean is 63 and its standard deviation √126 = 11.2; a random spread passes mean + 6 deviations,
 * 131, once in a million times. The ids are fixed, so the test never fails by chance.
 */
function chiSquare(counts: Uint32Array): number {
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0);
}
const CHI_SQUARE_MAX = 131;

for (const [kind, ids] of KINDS_OF_IDS) {
  test(`${kind} spread over segments, and within a segment over its table, as chance would`, () => {
    for (const mode of ['claim', 'player'] as const) {
      const [bySegment, byBucket] = spread(ids, mode);
      assert.ok(chiSquare(bySegment) < CHI_SQUARE_MAX, `segments, ${mode}: χ² ${chiSquare(bySegment)}`);
      assert.ok(chiSquare(byBucket) < CHI_SQUARE_MAX, `buckets, ${mode}: χ² ${chiSquare(byBucket)}`);
    }
  });
}

/** Counts of ids by segment, and of those in the fullest segment by the low bits of their hash. */
function spread(ids: readonly string[], mode: PartitionMode): [Uint32Array, Uint32Array] {
  const entries = EntryTable.allocate(1);
  const partitioner = new StatePartitioner(64, mode);
  const hashes = Array.from({ length: 64 }, (): number[] => []);
  for (const id of ids) {
    entries.setClaimId(0, mode === 'claim' ? id : 'chest-1');
    entries.setPlayerId(0, mode === 'claim' ? 'ann' : id);
    partitioner.assign(entries, 0);
    hashes[entries.segment[0]].push(entries.hash[0]);
  }
  const fullest = hashes.reduce((most, each) => (each.length > most.length ? each : most));
  const byBucket = new Uint32Array(64);
  for (const hash of fullest) byBucket[hash & 63] += 1;
  return [Uint32Array.from(hashes, (each) => each.length), byBucket];
}

test('one player’s claims spread over the table of their segment', () => {
  const entries = EntryTable.allocate(1);
  const partitioner = new StatePartitioner(64, 'player');
  const byBucket = new Uint32Array(64);
  for (let i = 0; i < 20_000; i += 1) {
    entries.setClaimId(0, `chest-${i}`);
    entries.setPlayerId(0, 'ann');
    partitioner.assign(entries, 0);
    byBucket[entries.hash[0] & 63] += 1;
  }
  assert.ok(chiSquare(byBucket) < CHI_SQUARE_MAX, `χ² ${chiSquare(byBucket)}`);
});

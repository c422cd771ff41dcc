import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  FrameReader,
  FrameType,
  frame,
  readSettings,
  settings,
} from '../../../loadtest/measure/rpc/frames.ts';

interface ReadFrame {
  type: number;
  flags: number;
  id: number;
  payload: Buffer;
}

function readChunks(chunks: readonly Buffer[]): ReadFrame[] {
  const frames: ReadFrame[] = [];
  const reader = new FrameReader((type, flags, id, bytes, start, end) => {
    frames.push({ type, flags, id, payload: Buffer.from(bytes.subarray(start, end)) });
  });
  for (const chunk of chunks) reader.push(chunk);
  return frames;
}

/** Cuts bytes at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end));
}

const anyFrame = fc.record(
  {
    type: fc.integer({ min: 0, max: 9 }),
    flags: fc.integer({ min: 0, max: 255 }),
    id: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  },
  { noNullPrototype: true },
);

test('frames are read as they were written, wherever the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(anyFrame, { maxLength: 8 }),
      fc.array(fc.nat(3000), { maxLength: 20 }),
      (frames, places) => {
        const bytes = Buffer.concat(
          frames.map(({ type, flags, id, payload }) => frame(type, flags, id, payload)),
        );
        assert.deepEqual(readChunks(cut(bytes, places)), frames);
      },
    ),
  );
});

test('a frame longer than 65,535 bytes keeps its length', () => {
  const payload = Buffer.alloc(70_000, 7);
  assert.equal(readChunks([frame(FrameType.DATA, 0, 1, payload)])[0].payload.length, 70_000);
});

test('settings are read as they were written', () => {
  const written = [
    [1, 0],
    [4, 2 ** 31 - 1],
  ] as const;
  const bytes = settings(written);
  const found: number[][] = [];
  readSettings(bytes, 0, bytes.length, (id, value) => found.push([id, value]));
  assert.deepEqual(found, written);
});

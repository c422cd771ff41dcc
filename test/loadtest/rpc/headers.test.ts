import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestHeaders, readGrpcStatus } from '../../../loadtest/measure/rpc/headers.ts';

/** A literal field with incremental indexing and a new name. */
function literal(name: Buffer, huffman: boolean, value: string): Buffer {
  const nameLength = name.length | (huffman ? 0x80 : 0);
  return Buffer.concat([
    Buffer.from([0x40, nameLength]),
    name,
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
}

function status(block: Buffer): number {
  const padded = Buffer.concat([Buffer.from('xx'), block, Buffer.from('yy')]);
  return readGrpcStatus(padded, 2, 2 + block.length);
}

const HUFFMAN_NAME = Buffer.from('9acac8b21234da8f', 'hex');
const STATUS_200 = Buffer.from([0x88]);
const EMPTY_TABLE = Buffer.from([0x20]);
const CONTENT_TYPE = Buffer.concat([Buffer.from([0x5f, 16]), Buffer.from('application/grpc')]);

test('the gRPC status is found by its name, coded either way, after other fields', () => {
  const plain = literal(Buffer.from('grpc-status'), false, '8');
  assert.equal(status(Buffer.concat([EMPTY_TABLE, STATUS_200, CONTENT_TYPE, plain])), 8);
  assert.equal(status(Buffer.concat([STATUS_200, literal(HUFFMAN_NAME, true, '14')])), 14);
});

test('a value longer than 126 bytes before it is passed over', () => {
  const long = Buffer.concat([Buffer.from([0x0f, 16, 0x7f, 200 - 127]), Buffer.alloc(200, 97)]);
  assert.equal(status(Buffer.concat([long, literal(HUFFMAN_NAME, true, '0')])), 0);
});

test('a block without a status has none, and names that begin alike are others', () => {
  assert.equal(status(Buffer.concat([STATUS_200, CONTENT_TYPE])), -1);
  assert.equal(status(literal(Buffer.from('grpc-statusx'), false, '8')), -1);
  assert.equal(status(literal(Buffer.from('grpc-statu'), false, '8')), -1);
});

test('a reference to the dynamic table, which was announced as empty, is an error', () => {
  const reference = Buffer.concat([Buffer.from([0x7f, 62 - 63 + 64]), Buffer.from([1, 97])]);
  assert.throws(() => status(reference), /empty table/);
});

test('the second call to a path is references only; a new path is indexed as well', () => {
  const headers = new RequestHeaders('127.0.0.1:1');
  const first = headers.next('/s/A');
  assert.ok(first.includes('/s/A') && first.includes('127.0.0.1:1'));
  assert.deepEqual([...headers.next('/s/A')], [0x83, 0x86, 0xc1, 0xc0, 0xbf, 0xbe]);
  const other = headers.next('/s/B');
  assert.ok(other.includes('/s/B') && !other.includes('127.0.0.1:1'));
  // One entry more stands before all others now.
  assert.deepEqual([...headers.next('/s/A')], [0x83, 0x86, 0xc2, 0xc1, 0xc0, 0xbf]);
  assert.deepEqual([...headers.next('/s/B')], [0x83, 0x86, 0xbe, 0xc1, 0xc0, 0xbf]);
});

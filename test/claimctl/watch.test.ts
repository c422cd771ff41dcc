import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metadata, type ServerWritableStream, status } from '@grpc/grpc-js';
import { ExitCode } from '../../src/claimctl/exit-codes.ts';
import { CannedServer, type Message, type Stream } from './canned-server.ts';
import { CapturedIo } from './captured-io.ts';

type Call = ServerWritableStream<Message, Message>;

function send(call: Call, ...epochs: number[]): void {
  for (const epoch of epochs) {
    const counts = { submitted: epoch, validated: 2, expired: 1, pending: 4 };
    call.write({ summary: { epoch, start_ms: epoch * 10_000, duration_us: 900, ...counts } });
  }
}

function fail(call: Call, code: status, details = 'away', metadata = new Metadata()): void {
  call.emit('error', { code, details, metadata });
}

/** Watches a server whose streams are, one after another, those given; the last serves for all later ones. */
async function watching(streams: readonly Stream[], ...argv: string[]) {
  const io = new CapturedIo();
  let opened = 0;
  const server = await CannedServer.start({
    watch: (request, call) => {
      const stream = streams[Math.min(opened, streams.length - 1)];
      opened += 1;
      stream(request, call);
    },
  });
  try {
    const exitCode = await io.run('watch', '--address', server.address, ...argv);
    const froms = server.requests('WatchEpochs').map((request) => request.from_epoch);
    return { exitCode, io, froms };
  } finally {
    server.stop();
  }
}

const epochsOf = (io: CapturedIo): unknown[] => io.json().map((line) => line.epoch);

test('a line per epoch, until as many as asked for', async () => {
  const { exitCode, io, froms } = await watching(
    [(_, call) => send(call, 7, 8, 9)],
    '--from',
    '7',
    '--count',
    '2',
  );
  assert.equal(exitCode, ExitCode.DONE);
  assert.equal(
    io.out,
    [
      'epoch 7  1970-01-01T00:01:10.000Z  submitted       7  validated       2  expired       1  pending       4  advanced in 0.9 ms\n',
      'epoch 8  1970-01-01T00:01:20.000Z  submitted       8  validated       2  expired       1  pending       4  advanced in 0.9 ms\n',
    ].join(''),
  );
  assert.deepEqual(froms, ['7']);
  assert.equal(io.err, '');
});

test('a stream that ends is taken up again after the last epoch, none missed, none twice', async () => {
  const streams: Stream[] = [
    (_, call) => {
      send(call, 7, 8);
      call.end();
    },
    (_, call) => fail(call, status.UNAVAILABLE),
    (_, call) => {
      send(call, 9);
      fail(call, status.RESOURCE_EXHAUSTED);
    },
    (_, call) => send(call, 10, 11),
  ];
  const { exitCode, io, froms } = await watching(streams, '--count', '5', '--json');
  assert.equal(exitCode, ExitCode.DONE);
  assert.deepEqual(epochsOf(io), [7, 8, 9, 10, 11]);
  assert.deepEqual(froms, [undefined, '9', '9', '10']);
  // The wait grows while nothing comes, and begins anew once something has.
  assert.deepEqual(io.waitsMs, [50, 100, 50]);
});

test('a server that never sent an epoch, or refuses, ends the watch', async () => {
  const away = await watching([(_, call) => fail(call, status.UNAVAILABLE)]);
  assert.equal(away.exitCode, ExitCode.UNCONFIRMED);
  assert.match(away.io.err, /^claimctl: 127\.0\.0\.1:\d+: UNAVAILABLE: away\n$/);
  assert.deepEqual(away.io.waitsMs, []);
  const ended = await watching([(_, call) => call.end()]);
  assert.equal(ended.exitCode, ExitCode.UNCONFIRMED);
  assert.match(ended.io.err, /: UNAVAILABLE: the server ended the stream\n$/);
  const refused = await watching([
    (_, call) => {
      send(call, 7);
      fail(call, status.OUT_OF_RANGE, 'no longer kept');
    },
  ]);
  assert.equal(refused.exitCode, ExitCode.REFUSED);
  assert.match(refused.io.err, /: OUT_OF_RANGE: no longer kept\n$/);
});

test('a server that stays away is given up', async () => {
  const streams: Stream[] = [
    (_, call) => {
      send(call, 7);
      call.end();
    },
    (_, call) => fail(call, status.UNAVAILABLE),
  ];
  const { exitCode, io, froms } = await watching(streams, '--json');
  assert.equal(exitCode, ExitCode.UNCONFIRMED);
  assert.deepEqual(epochsOf(io), [7]);
  assert.equal(froms.length, 11);
  assert.match(io.err, /: UNAVAILABLE: away\n$/);
});

test('SIGINT ends a watch with 0, while it waits for an epoch and while it waits to connect', async () => {
  const io = new CapturedIo();
  const server = await CannedServer.start({
    watch: (_, call) => {
      send(call, 7);
      setImmediate(() => io.interruption.abort());
    },
  });
  assert.equal(await io.run('watch', '--address', server.address), ExitCode.DONE);
  assert.equal(io.err, '');
  server.stop();

  const reconnecting = new CapturedIo();
  reconnecting.onWait = () => reconnecting.interruption.abort();
  const ending = await CannedServer.start({
    watch: (_, call) => {
      send(call, 7);
      call.end();
    },
  });
  assert.equal(await reconnecting.run('watch', '--address', ending.address), ExitCode.DONE);
  assert.equal(ending.asked.length, 1);
  assert.equal(reconnecting.err, '');
  ending.stop();
});

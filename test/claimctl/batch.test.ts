import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'node:test';
import { Metadata, status } from '@grpc/grpc-js';
import { ExitCode } from '../../src/claimctl/exit-codes.ts';
import { Outcome } from '../../src/domain/claim.ts';
import { CannedServer, type Item, type Message, type Refusal } from './canned-server.ts';
import { CapturedIo } from './captured-io.ts';

type Judge = (item: Item, call: number) => Message;
/** Answers the n-th call, from 1, or leaves it to the judge of its items. */
type Intercept = (call: number, items: readonly Item[]) => Refusal | Message | Promise<Message> | undefined;

const ACCEPT: Judge = () => ({ outcome: Outcome.ACCEPTED });
const INTERRUPTS_NOTHING: Intercept = () => undefined;

interface Judged {
  readonly server: CannedServer;
  /** Claim ids of each call, in order. */
  readonly calls: string[][];
  readonly mostInFlight: () => number;
}

/** A server that judges each item of a batch by itself. */
async function judging(judge: Judge, intercept = INTERRUPTS_NOTHING): Promise<Judged> {
  const calls: string[][] = [];
  let inFlight = 0;
  let most = 0;
  const answer = async (request: Message) => {
    const items = request.items ?? [];
    const call = calls.push(items.map((item) => item.claim_id));
    inFlight += 1;
    most = Math.max(most, inFlight);
    const other = await intercept(call, items);
    await new Promise((resolve) => setImmediate(resolve));
    inFlight -= 1;
    return other ?? { results: items.map((item) => judge(item, call)) };
  };
  const server = await CannedServer.start({
    unary: { BatchSubmitClaims: answer, BatchValidateClaims: answer },
  });
  return { server, calls, mostInFlight: () => most };
}

function csv(count: number): string {
  const rows = Array.from({ length: count }, (_, index) => `c${index},p${index % 3}\n`);
  return `claim_id,player_id\n${rows.join('')}`;
}

interface Run {
  readonly judge?: Judge;
  readonly intercept?: Intercept;
  readonly input?: string | Readable;
  readonly args?: readonly string[];
  readonly io?: CapturedIo;
}

async function run({ judge = ACCEPT, intercept, input = '', args = [], io }: Run) {
  const judged = await judging(judge, intercept);
  const own = io ?? new CapturedIo({ stdin: input });
  const argv = ['batch', 'submit', '--json', '--address', judged.server.address, ...args];
  try {
    const exitCode = await own.run(...argv);
    return { exitCode, io: own, ...judged, summary: own.json()[0] };
  } finally {
    judged.server.stop();
  }
}

/** A folder for the time of one test. */
async function inFolder(use: (path: (name: string) => string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'claimctl-'));
  try {
    await use((name) => join(folder, name));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Reject {
  readonly line: number;
  readonly claim_id: string;
  readonly outcome: string;
  readonly reason: string | null;
}

function rejectsIn(path: string): Reject[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** The outcomes that occurred. */
function countsOf({ outcomes = {} }: { readonly outcomes?: Readonly<Record<string, number>> }) {
  return Object.fromEntries(Object.entries(outcomes).filter(([, count]) => count > 0));
}

const UNAVAILABLE: Refusal = { code: status.UNAVAILABLE, details: 'away' };

test('items are sent in calls of the size asked for, each once', async () => {
  const { exitCode, calls, summary, io } = await run({ input: csv(25), args: ['--batch-size', '10'] });
  assert.equal(exitCode, ExitCode.DONE);
  assert.deepEqual(calls.map((ids) => ids.length).sort(), [10, 10, 5]);
  assert.deepEqual(new Set(calls.flat()).size, 25);
  const { elapsed_ms: elapsedMs, ...rest } = summary;
  assert.equal(typeof elapsedMs, 'number');
  const none = { REPLAYED: 0, TAKEN: 0, EXPIRED: 0, NOT_FOUND: 0, INVALID: 0, UNAVAILABLE: 0 };
  assert.deepEqual(rest, {
    command: 'batch submit',
    items: 25,
    calls: 3,
    retries: 0,
    outcomes: { ACCEPTED: 25, ...none },
  });
  assert.equal(io.err, '');
});

test('no more calls are in flight than asked for', async () => {
  const several = await run({ input: csv(100), args: ['--batch-size', '5', '--in-flight', '3'] });
  assert.equal(several.mostInFlight(), 3);
  const one = await run({ input: csv(30), args: ['--batch-size', '5', '--in-flight', '1'] });
  assert.equal(one.mostInFlight(), 1);
  assert.deepEqual(
    one.calls.flat(),
    Array.from({ length: 30 }, (_, index) => `c${index}`),
  );
});

test('a file of over-long ids is sent in smaller calls', async () => {
  const long = 'x'.repeat(60_000);
  const rows = Array.from({ length: 20 }, (_, index) => `${long}${index},p\n`);
  const { calls, exitCode } = await run({ input: `claim_id,player_id\n${rows.join('')}` });
  assert.equal(exitCode, ExitCode.DONE);
  assert.deepEqual(calls.map((ids) => ids.length).sort(), [2, 9, 9]);
});

test('validate sends no timestamps, submit does', async () => {
  const ndjson = '{"claim_id":"c","player_id":"p","timestamp_ms":5}\n';
  const judged = await judging(ACCEPT);
  const io = new CapturedIo({ stdin: ndjson });
  assert.equal(await io.run('batch', 'validate', '--address', judged.server.address), ExitCode.DONE);
  assert.equal(
    await new CapturedIo({ stdin: ndjson }).run('batch', 'submit', '--address', judged.server.address),
    0,
  );
  const [validated] = judged.server.requests('BatchValidateClaims');
  const [submitted] = judged.server.requests('BatchSubmitClaims');
  assert.deepEqual(validated, { items: [{ claim_id: 'c', player_id: 'p' }] });
  assert.equal(submitted.items?.[0].timestamp_ms, '5');
  assert.match(
    io.out,
    /^batch validate: 1 items in 1 calls \(0 of them retries\), \d+\.\d s\n {2}ACCEPTED 1\n$/,
  );
  judged.server.stop();
});

test('items that were not accepted are code 1, counted, and written to the rejects', async () => {
  await inFolder(async (path) => {
    const judge: Judge = ({ claim_id: id }) => {
      if (id === 'c1') return { outcome: Outcome.TAKEN };
      if (id === 'c3') return { outcome: Outcome.INVALID, reason: 'player_id: "p0" is not allowed' };
      return { outcome: id === 'c2' ? Outcome.REPLAYED : Outcome.ACCEPTED };
    };
    const args = ['--rejects', path('rejects.ndjson')];
    const { exitCode, summary, io } = await run({ judge, input: csv(5), args });
    assert.equal(exitCode, ExitCode.REFUSED);
    assert.deepEqual(countsOf(summary), { ACCEPTED: 2, REPLAYED: 1, TAKEN: 1, INVALID: 1 });
    assert.equal(io.err, '');
    const common = { timestamp_ms: null, status: null };
    assert.deepEqual(rejectsIn(path('rejects.ndjson')), [
      { line: 3, claim_id: 'c1', player_id: 'p1', ...common, outcome: 'TAKEN', reason: null },
      {
        ...{ line: 5, claim_id: 'c3', player_id: 'p0', ...common },
        ...{ outcome: 'INVALID', reason: 'player_id: "p0" is not allowed' },
      },
    ]);
    // The rejects are themselves a batch.
    const again = await run({ args: [path('rejects.ndjson')] });
    assert.equal(again.exitCode, ExitCode.DONE);
    assert.deepEqual(again.calls, [['c1', 'c3']]);
  });
});

test('a call that finds the server away or full is sent again, not before it asks for', async () => {
  const metadata = new Metadata();
  // Status {details: [Any {type_url, RetryInfo {retry_delay {seconds: 2}}}]}
  const url = Buffer.from('type.googleapis.com/google.rpc.RetryInfo');
  const info = [0x12, 4, 0x0a, 2, 0x08, 2];
  const any = [0x0a, url.length, ...url, ...info];
  metadata.set('grpc-status-details-bin', Buffer.from([0x1a, any.length, ...any]));
  const refusals = [UNAVAILABLE, { code: status.RESOURCE_EXHAUSTED, details: 'full', metadata }, UNAVAILABLE];
  const { exitCode, calls, summary, io } = await run({
    intercept: (call) => refusals[call - 1],
    input: csv(3),
  });
  assert.equal(exitCode, ExitCode.DONE);
  assert.deepEqual(
    calls,
    Array.from({ length: 4 }, () => ['c0', 'c1', 'c2']),
  );
  assert.deepEqual([summary.items, summary.calls, summary.retries], [3, 4, 3]);
  assert.deepEqual(io.waitsMs, [50, 2_000, 200]);
});

test('of a call that is partly unconfirmed only that part is sent again', async () => {
  const judge: Judge = ({ claim_id: id }, call) => {
    const away = call === 1 ? ['c1', 'c3'] : call === 2 ? ['c3'] : [];
    return { outcome: away.includes(id) ? Outcome.UNAVAILABLE : Outcome.ACCEPTED, reason: 'no disk' };
  };
  const { exitCode, calls, summary } = await run({ judge, input: csv(4) });
  assert.equal(exitCode, ExitCode.DONE);
  assert.deepEqual(calls, [['c0', 'c1', 'c2', 'c3'], ['c1', 'c3'], ['c3']]);
  assert.deepEqual(countsOf(summary), { ACCEPTED: 4 });
});

test('where retries do not help, the run stops and says how far it came', async () => {
  await inFolder(async (path) => {
    const args = ['--batch-size', '2', '--in-flight', '1', '--retries', '2', '--rejects', path('r')];
    const { exitCode, calls, summary, io } = await run({
      intercept: (call) => (call > 1 ? UNAVAILABLE : undefined),
      input: csv(9),
      args,
    });
    assert.equal(exitCode, ExitCode.UNCONFIRMED);
    assert.deepEqual(calls, [
      ['c0', 'c1'],
      ['c2', 'c3'],
      ['c2', 'c3'],
      ['c2', 'c3'],
    ]);
    assert.deepEqual(countsOf(summary), { ACCEPTED: 2, UNAVAILABLE: 2 });
    assert.match(
      io.err,
      /^claimctl: 127\.0\.0\.1:\d+: UNAVAILABLE: away; 4 items were sent, up to standard input:5\n$/,
    );
    const rejects = rejectsIn(path('r'));
    assert.deepEqual(
      rejects.map((line) => [line.line, line.claim_id, line.outcome]),
      [
        [4, 'c2', 'UNAVAILABLE'],
        [5, 'c3', 'UNAVAILABLE'],
      ],
    );
    assert.match(String(rejects[0].reason), /UNAVAILABLE: away$/);
  });
});

test('items that stay unconfirmed end the run with code 3', async () => {
  const judge: Judge = () => ({ outcome: Outcome.UNAVAILABLE, reason: 'the store did not confirm' });
  const { exitCode, io, calls } = await run({ judge, input: csv(3), args: ['--retries', '1'] });
  assert.equal(exitCode, ExitCode.UNCONFIRMED);
  assert.equal(calls.length, 2);
  assert.match(io.err, /: 3 items were not confirmed: the store did not confirm; 3 items were sent, up to /);
});

test('a status that refuses, and a reply that does not match, are not sent again', async () => {
  const refused = await run({
    intercept: () => ({ code: status.INVALID_ARGUMENT, details: 'too many items' }),
    input: csv(3),
  });
  assert.equal(refused.exitCode, ExitCode.REFUSED);
  assert.equal(refused.calls.length, 1);
  assert.match(refused.io.err, /: INVALID_ARGUMENT: too many items; 3 items were sent/);
  const short = await run({ intercept: () => ({ results: [{}] }), input: csv(3) });
  assert.equal(short.exitCode, ExitCode.UNCONFIRMED);
  assert.match(short.io.err, /: INTERNAL: 1 results came for 3 items; /);
});

test('a malformed line is named with file and line, after what was sent before it', async () => {
  await inFolder(async (path) => {
    writeFileSync(path('claims.csv'), `${csv(5)}c5\n${csv(3)}`);
    const args = ['--batch-size', '2', path('claims.csv')];
    const { exitCode, calls, summary, io } = await run({ args });
    assert.equal(exitCode, ExitCode.USAGE);
    assert.deepEqual(calls.flat().sort(), ['c0', 'c1', 'c2', 'c3']);
    assert.equal(summary.items, 4);
    const name = path('claims.csv');
    assert.equal(
      io.err,
      `claimctl: ${name}:7: 1 fields where the header has 2; 4 items were sent, up to ${name}:5\n`,
    );
  });
});

test('input that can’t be read is code 2', async () => {
  await inFolder(async (path) => {
    const absent = await run({ args: [path('none.csv')] });
    assert.equal(absent.exitCode, ExitCode.USAGE);
    assert.equal(absent.io.err, `claimctl: ${path('none.csv')}: can't be read (ENOENT)\n`);
    const folder = await run({ args: [path('')] });
    assert.equal(folder.exitCode, ExitCode.USAGE);
    assert.match(folder.io.err, /: can't be read \(EISDIR\); no item was sent\n$/);
    assert.deepEqual(folder.calls, []);
  });
});

test('the rejects never replace the input, and must be writable before anything is sent', async () => {
  await inFolder(async (path) => {
    writeFileSync(path('a.csv'), csv(2));
    const same = await run({ args: [path('a.csv'), '--rejects', path('./a.csv')] });
    assert.equal(same.exitCode, ExitCode.USAGE);
    assert.match(same.io.err, /^claimctl: --rejects: ".*a\.csv" is the input itself\n$/);
    assert.equal(readFileSync(path('a.csv'), 'utf8'), csv(2));
    const nowhere = await run({ args: [path('a.csv'), '--rejects', path('no/such/folder')] });
    assert.equal(nowhere.exitCode, ExitCode.USAGE);
    assert.match(nowhere.io.err, /can't be written \(ENOENT\)\n$/);
    assert.deepEqual([...same.calls, ...nowhere.calls], []);
  });
});

test('SIGINT stops the reading, ends what is in flight and says how far it came', async () => {
  const stdin = new PassThrough();
  stdin.write(csv(4));
  const io = new CapturedIo({ stdin });
  const { exitCode, summary, calls } = await run({
    io,
    // Standard input stays open: only the signal ends the reading.
    intercept: () => {
      io.interruption.abort();
      return undefined;
    },
    args: ['--batch-size', '2', '--in-flight', '1'],
  });
  assert.equal(exitCode, ExitCode.INTERRUPTED);
  assert.deepEqual(calls, [['c0', 'c1']]);
  assert.deepEqual(countsOf(summary), { ACCEPTED: 2 });
  assert.equal(io.err, 'claimctl: interrupted; 2 items were sent, up to standard input:3\n');
});

test('SIGINT ends the waiting for a retry', async () => {
  const io = new CapturedIo({ stdin: csv(2) });
  io.onWait = () => io.interruption.abort();
  const { exitCode, calls, summary } = await run({ io, intercept: () => UNAVAILABLE });
  assert.equal(exitCode, ExitCode.INTERRUPTED);
  assert.equal(calls.length, 1);
  assert.deepEqual(countsOf(summary), { UNAVAILABLE: 2 });
  assert.equal(io.err, 'claimctl: interrupted; 2 items were sent, up to standard input:3\n');
});

test('a failure ends the reading though more input may come', async () => {
  const stdin = new PassThrough();
  stdin.write(csv(4));
  const { exitCode } = await run({
    input: stdin,
    intercept: () => UNAVAILABLE,
    args: ['--batch-size', '2', '--retries', '0'],
  });
  assert.equal(exitCode, ExitCode.UNCONFIRMED);
});

test('input is read no further than the calls in flight need', async () => {
  let linesRead = 0;
  let held = 0;
  const release = Promise.withResolvers<Message>();
  async function* endless(): AsyncGenerator<Buffer> {
    for (;;) {
      linesRead += 100;
      yield Buffer.from('{"claim_id":"c","player_id":"p"}\n'.repeat(100));
    }
  }
  const io = new CapturedIo({ stdin: Readable.from(endless(), { highWaterMark: 1 }) });
  const running = run({
    io,
    intercept: () => {
      held += 1;
      return release.promise;
    },
    args: ['--batch-size', '100', '--in-flight', '2'],
  });
  while (held < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(linesRead <= 1_000, `${linesRead} lines were read for 200 in flight`);
  io.interruption.abort();
  release.resolve({ results: Array.from({ length: 100 }, () => ({ outcome: Outcome.ACCEPTED })) });
  assert.equal((await running).exitCode, ExitCode.INTERRUPTED);
  assert.equal(held, 2);
});

test('progress is shown where a person watches, and only there', async () => {
  await inFolder(async (path) => {
    writeFileSync(path('a.csv'), csv(50));
    const watched = await run({ io: new CapturedIo({ terminal: true }), args: [path('a.csv')] });
    assert.match(watched.io.err, /0% {2}0 items, 0 not accepted/);
    const piped = await run({ args: [path('a.csv')] });
    assert.equal(piped.io.err, '');
    const stdin = await run({ io: new CapturedIo({ terminal: true, stdin: csv(3) }) });
    assert.match(stdin.io.err, /0 items, 0 not accepted/);
  });
});

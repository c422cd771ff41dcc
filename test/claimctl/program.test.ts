import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { EXIT_CODE_MEANINGS, ExitCode } from '../../src/claimctl/exit-codes.ts';
import { ClaimStatus, Outcome } from '../../src/domain/claim.ts';
import { docsPage } from '../support/page.ts';
import { type Answers, CannedServer, type Message } from './canned-server.ts';
import { CapturedIo } from './captured-io.ts';

/** Runs one command against canned answers. */
async function against(answers: Answers, ...argv: string[]) {
  const server = await CannedServer.start(answers);
  const io = new CapturedIo({ env: { CLAIMS_ADDRESS: server.address } });
  try {
    const exitCode = await io.run(...argv);
    return { exitCode, out: io.out, err: io.err, io, server, address: server.address };
  } finally {
    server.stop();
  }
}

/** Asserts that it ended with one line on standard error, and returns it. */
function onlyComplaint(io: CapturedIo): string {
  assert.equal(io.out, '');
  assert.match(io.err, /^claimctl: [^\n]*\n$/);
  return io.err.slice('claimctl: '.length, -1);
}

function answering(outcome: Outcome, more: Message = {}): () => Message {
  return () => ({ result: { outcome, epoch: 7, expires_at_epoch: 9, ...more } });
}

const PENDING = { claim_id: 'c1', player_id: 'p1', timestamp_ms: 5, status: ClaimStatus.PENDING };

test('submit sends the claim and tells what came of it', async () => {
  const SubmitClaim = answering(Outcome.ACCEPTED, { status: ClaimStatus.PENDING, claim: PENDING });
  const { exitCode, out, err, server } = await against(
    { unary: { SubmitClaim } },
    'submit',
    'c1',
    'p1',
    '--json',
  );
  assert.equal(exitCode, ExitCode.DONE);
  assert.equal(
    out,
    '{"command":"submit","claim_id":"c1","player_id":"p1","outcome":"ACCEPTED","status":"PENDING","timestamp_ms":5,"epoch":7,"expires_at_epoch":9,"reason":null}\n',
  );
  assert.equal(err, '');
  assert.deepEqual(server.requests('SubmitClaim'), [{ claim_id: 'c1', player_id: 'p1' }]);
  assert.match(String(server.asked[0].metadata.get('user-agent')[0]), /^claimctl\/\d/);
});

test('a timestamp arrives exactly', async () => {
  const SubmitClaim = answering(Outcome.ACCEPTED);
  const far = '9223372036854775807';
  const { server } = await against({ unary: { SubmitClaim } }, 'submit', 'c', 'p', '--timestamp', far);
  assert.equal(server.requests('SubmitClaim')[0].timestamp_ms, far);
  const negative = await against({ unary: { SubmitClaim } }, 'submit', 'c', 'p', '--timestamp', '-1');
  assert.equal(negative.server.requests('SubmitClaim')[0].timestamp_ms, '-1');
});

test('the exit code follows the outcome', async () => {
  const cases: readonly (readonly [Outcome, ExitCode])[] = [
    [Outcome.ACCEPTED, ExitCode.DONE],
    [Outcome.REPLAYED, ExitCode.DONE],
    [Outcome.TAKEN, ExitCode.REFUSED],
    [Outcome.EXPIRED, ExitCode.REFUSED],
    [Outcome.NOT_FOUND, ExitCode.REFUSED],
    [Outcome.INVALID, ExitCode.REFUSED],
    [Outcome.UNAVAILABLE, ExitCode.UNCONFIRMED],
  ];
  for (const [outcome, expected] of cases) {
    const { exitCode, out } = await against(
      { unary: { ValidateClaim: answering(outcome, { reason: 'so it is' }) } },
      ...['validate', 'c1', 'p1'],
    );
    assert.equal(exitCode, expected);
    assert.match(out, /^[A-Z_]+: claim c1, player p1, .*so it is, decided in epoch 7\n$/);
  }
});

test('get finds a claim, and names its player where one is given', async () => {
  const GetClaim = answering(Outcome.FOUND, { status: ClaimStatus.PENDING, claim: PENDING });
  const found = await against({ unary: { GetClaim } }, 'get', 'c1');
  assert.equal(
    found.out,
    'FOUND: claim c1, player p1, PENDING, time 1970-01-01T00:00:00.005Z, decided in epoch 7, expires at epoch 9\n',
  );
  assert.deepEqual(found.server.requests('GetClaim'), [{ claim_id: 'c1' }]);
  const named = await against({ unary: { GetClaim } }, 'get', '--player', 'p1', '--', '-c');
  const [request] = named.server.requests('GetClaim');
  assert.deepEqual([request.claim_id, request.player_id], ['-c', 'p1']);
});

test('epoch asks for the one given, or the last', async () => {
  const summary = { epoch: 7, start_ms: 70_000, duration_us: 1_500, submitted: 3, validated: 2, expired: 1 };
  const GetEpoch = () => ({ summary });
  const last = await against({ unary: { GetEpoch } }, 'epoch');
  assert.equal(last.exitCode, ExitCode.DONE);
  assert.match(
    last.out,
    /^epoch 7 {2}1970-01-01T00:01:10\.000Z {2}submitted +3 .* pending +0 {2}advanced in 1\.5 ms\n$/,
  );
  assert.deepEqual(last.server.requests('GetEpoch'), [{}]);
  const given = await against({ unary: { GetEpoch } }, 'epoch', '0', '--json');
  assert.equal(given.server.requests('GetEpoch')[0].epoch, '0');
  assert.equal(given.io.json()[0].pending, 0);
});

test('a status that refuses is one line and code 1', async () => {
  const GetEpoch = () => ({ code: status.OUT_OF_RANGE, details: 'epoch 9 is\nnot complete' });
  const { exitCode, io, address } = await against({ unary: { GetEpoch } }, 'epoch', '9');
  assert.equal(exitCode, ExitCode.REFUSED);
  assert.equal(onlyComplaint(io), `${address}: OUT_OF_RANGE: epoch 9 is not complete`);
});

test('a server that can’t be reached, or does not answer in time, is code 3', async () => {
  const silent = await against(
    { unary: { GetClaim: () => new Promise(() => undefined) } },
    ...['get', 'c', '--deadline', '50'],
  );
  assert.equal(silent.exitCode, ExitCode.UNCONFIRMED);
  assert.match(onlyComplaint(silent.io), /: DEADLINE_EXCEEDED: /);

  // Port 1 of loopback: nothing listens there.
  const io = new CapturedIo();
  assert.equal(await io.run('get', 'c', '--address', '127.0.0.1:1'), ExitCode.UNCONFIRMED);
  assert.match(onlyComplaint(io), /^127\.0\.0\.1:1: UNAVAILABLE: .*ECONNREFUSED 127\.0\.0\.1:1$/);
});

test('a reply without a result is not taken for an answer', async () => {
  const { exitCode, io } = await against({ unary: { SubmitClaim: () => ({}) } }, 'submit', 'c', 'p');
  assert.equal(exitCode, ExitCode.UNCONFIRMED);
  assert.match(onlyComplaint(io), /: INTERNAL: the reply has no result$/);
});

test('SIGINT ends a call that waits', async () => {
  const io = new CapturedIo();
  const server = await CannedServer.start({
    unary: {
      GetClaim: () => {
        io.interruption.abort();
        return new Promise(() => undefined);
      },
    },
  });
  assert.equal(await io.run('get', 'c', '--address', server.address), ExitCode.INTERRUPTED);
  assert.equal(onlyComplaint(io), 'interrupted');
  server.stop();
});

test('--address wins over CLAIMS_ADDRESS, and this process’s environment has no part in it', async () => {
  const server = await CannedServer.start({ unary: { GetClaim: answering(Outcome.FOUND) } });
  const io = new CapturedIo({ env: { CLAIMS_ADDRESS: '127.0.0.1:1' } });
  const variable = 'CLAIMS_ADDRESS';
  process.env[variable] = '127.0.0.1:2';
  try {
    assert.equal(await io.run('--address', server.address, 'get', 'c'), ExitCode.DONE);
    assert.equal(await io.run('get', 'c'), ExitCode.UNCONFIRMED);
    assert.match(io.err, /127\.0\.0\.1:1: UNAVAILABLE/);
  } finally {
    delete process.env[variable];
    server.stop();
  }
});

test('wrong usage is one line and code 2, and asks nothing of a server', async () => {
  const wrong: readonly (readonly [string[], RegExp])[] = [
    [['submit', 'c'], /missing required argument 'player'/],
    [['submit', 'c', 'p', 'x'], /too many arguments/],
    [['submitt', 'c', 'p'], /unknown command 'submitt' \(Did you mean submit\?\)/],
    [['get', 'c', '--nope'], /unknown option '--nope'/],
    [
      ['get', 'c', '--deadline', '1e3'],
      /'--deadline <ms>' argument '1e3' is invalid\. Allowed: an integer from 1 to/,
    ],
    [['get', 'c', '--deadline', '0'], /Allowed: an integer from 1 to 86400000/],
    [['get', 'c', '--address', ''], /--address: "" is not allowed; allowed: HOST:PORT/],
    [
      ['submit', 'c', 'p', '--timestamp', '1.5'],
      /'1\.5' is invalid\. Allowed: an integer, milliseconds since 1970/,
    ],
    [['epoch', '-1'], /'-1' is invalid for argument 'number'\. Allowed: an integer from 0 to/],
    [['watch', '--count', '0'], /Allowed: an integer from 1 to/],
    [['batch', 'submit', '--batch-size', '8193'], /Allowed: an integer from 1 to 8192/],
    [['batch', 'submit', '--in-flight', '0'], /Allowed: an integer from 1 to 64/],
    [['batch', 'submit', '--format', 'xml'], /Allowed choices are csv, ndjson/],
    [['batch', 'remove'], /unknown command 'remove'/],
  ];
  for (const [argv, problem] of wrong) {
    const io = new CapturedIo({ env: { CLAIMS_ADDRESS: '127.0.0.1:1' } });
    assert.equal(await io.run(...argv), ExitCode.USAGE, argv.join(' '));
    assert.match(onlyComplaint(io), problem);
  }
});

test('help and version are no failure; no command at all is', async () => {
  for (const argv of [['--help'], ['submit', '--help'], ['batch', 'submit', '--help']]) {
    const io = new CapturedIo();
    assert.equal(await io.run(...argv), ExitCode.DONE);
    assert.equal(io.err, '');
    for (const option of ['--address', '--deadline', '--json', 'CLAIMS_ADDRESS'])
      assert.ok(io.out.includes(option));
    for (const [code, meaning] of Object.entries(EXIT_CODE_MEANINGS)) {
      assert.ok(io.out.includes(`${code.padEnd(5)}${meaning}`), meaning);
    }
  }
  const io = new CapturedIo();
  assert.equal(await io.run('--version'), ExitCode.DONE);
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  assert.equal(io.out, `claimctl ${version}\n`);
  for (const argv of [[], ['batch']]) {
    const nothing = new CapturedIo();
    assert.equal(await nothing.run(...argv), ExitCode.USAGE);
    assert.equal(nothing.out, '');
    assert.match(nothing.err, /^Usage: claimctl/);
  }
});

test('docs/claimctl.md has every option of --help with its default', async () => {
  const page = docsPage('claimctl.md');
  const io = new CapturedIo();
  for (const argv of [
    ['submit'],
    ['validate'],
    ['get'],
    ['epoch'],
    ['watch'],
    ['batch', 'submit'],
    ['import'],
  ]) {
    await io.run(...argv, '--help');
  }
  const options = new Set(io.out.match(/^ {2}--[a-z-]+/gm)?.map((text) => text.trim()));
  options.delete('--help');
  options.delete('--version');
  const documented = new Set(page.match(/(?<=[`[])--[a-z-]+/g));
  assert.deepEqual([...documented].sort(), [...options].sort());
  for (const [, option, value] of io.out
    .replace(/\s+/g, ' ')
    .matchAll(/(--[a-z-]+) <[a-z:]+> (?:(?!--)[^(])*\(default: (\d+)\)/g)) {
    assert.match(page, new RegExp(`\\| \`${option} [A-Z]+\` \\| ${value} \\|`));
  }
});

/** claimctl import, between real Redis servers: what arrives, what is passed over, what it refuses. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { ExitCode } from '../../../src/claimctl/exit-codes.ts';
import { systemClock } from '../../../src/clock/clock.ts';
import { claimdFor, clientFor } from '../../support/for-test.ts';
import { CapturedIo } from '../captured-io.ts';
import { LENGTH_MS, MADE_WITH, Places, run, seed, temporaryFolder, WINDOW_MS } from './places.ts';

const HOUR_MS = 3_600_000;

before(() => Places.open());
after(() => Places.close());

test('the predecessor’s hash: every claim arrives as the rules have it, and again changes nothing', async () => {
  const places = await Places.make();
  const claims = await seed(places.source, 3_000);
  const { exitCode, io, summary } = await run(places, MADE_WITH);
  assert.equal(exitCode, ExitCode.DONE, io.err);
  const { elapsed_ms: _, skipped, ...counts } = summary;
  assert.deepEqual(counts, {
    ...{ command: 'import', dry_run: false, resumed: false, hashes: 1, fields: 3_000, imported: 3_000 },
    ...{ pending: 500, validated: 1_000, expired: 1_500, retries: 0 },
  });
  assert.ok(Object.values(skipped).every((count) => count === 0));

  const imported = await places.imported();
  assert.equal(Object.keys(imported).length, claims.size);
  const letters: Record<string, string> = { PENDING: 'P', VALIDATED: 'V', EXPIRED: 'E' };
  const epoch = Math.floor(systemClock.nowMs() / LENGTH_MS);
  for (const [claim, value] of claims) {
    const { playerId, timestamp, status } = JSON.parse(value);
    const expiry = Math.ceil((timestamp + WINDOW_MS) / LENGTH_MS);
    const [letter, time, ends, player] = imported[claim].split('|');
    const isOverdue = status === 'PENDING' && expiry <= epoch - 1;
    assert.deepEqual(
      [letter, Number(time), player],
      [isOverdue ? 'E' : letters[status], timestamp, playerId],
      claim,
    );
    if (status === 'VALIDATED') assert.ok(epoch - Number(ends) <= 1, `${claim} ends in ${ends}`);
    else assert.equal(Number(ends), expiry, claim);
  }

  const again = await run(places, []);
  assert.equal(again.exitCode, ExitCode.DONE);
  assert.deepEqual([again.summary['imported'], again.summary.skipped['same']], [0, 3_000]);
  assert.deepEqual(await places.imported(), imported);
});

test('claimd serves what was imported, with the settings that the import made', async (t) => {
  const places = await Places.make();
  await seed(places.source, 600);
  assert.equal((await run(places, MADE_WITH)).exitCode, ExitCode.DONE);
  const env = {
    CLAIMS_STORE: places.to,
    CLAIMS_EPOCH_LENGTH_MS: `${LENGTH_MS}`,
    CLAIMS_VALIDATION_WINDOW_MS: `${WINDOW_MS}`,
  };
  const client = clientFor(t, await claimdFor(t, { env }));
  const items = Array.from({ length: 600 }, (_, n) => ({
    claimId: `claim-${n}`,
    playerId: `player-${n % 7}`,
  }));
  // By status (n % 3), and of the pending ones by age (n % 2).
  const submitted = ['PENDING', 'VALIDATED', 'EXPIRED', 'EXPIRED', 'VALIDATED', 'EXPIRED'];
  const validated = ['ACCEPTED', 'REPLAYED', 'EXPIRED', 'EXPIRED', 'REPLAYED', 'EXPIRED'];
  for (const [n, { outcome, status }] of (await client.batchSubmit(items)).entries()) {
    assert.deepEqual([outcome, status], ['REPLAYED', submitted[n % 6]], items[n].claimId);
  }
  for (const [n, { outcome }] of (await client.batchValidate(items)).entries()) {
    assert.equal(outcome, validated[n % 6], items[n].claimId);
  }
});

test('a registry of ours, of other shards and another prefix and player mode, into one of its own', async () => {
  const first = await Places.make();
  await seed(first.source, 1_500);
  const player = [
    ...MADE_WITH,
    '--partition',
    'player',
    '--registry-shards',
    '4',
    '--redis-key-prefix',
    'old:',
  ];
  assert.equal((await run(first, player)).exitCode, ExitCode.DONE);

  const second = { from: first.to, to: (await Places.make()).to };
  const { exitCode, summary } = await run(second, [
    ...MADE_WITH,
    '--from-key-prefix',
    'old:',
    '--redis-key-prefix',
    'new:',
  ]);
  assert.equal(exitCode, ExitCode.DONE);
  assert.deepEqual([summary['hashes'], summary['imported']], [4, 1_500]);
  const third = { from: second.to, to: first.from };
  const back = await run(third, [
    ...MADE_WITH,
    '--from-key-prefix',
    'new:',
    '--registry-shards',
    '1',
    '--redis-key-prefix',
    'one:',
  ]);
  assert.deepEqual(
    [back.exitCode, back.summary['hashes'], back.summary['imported']],
    [ExitCode.DONE, 16, 1_500],
  );
  assert.equal(await first.source.hlen('one:claim_registry'), 1_500);
});

test('what can’t be imported is counted by its reason and written down, and nothing else suffers', async (t) => {
  const places = await Places.make();
  const nowMs = systemClock.nowMs();
  const value = (wrong: object): string =>
    JSON.stringify({ playerId: 'p', timestamp: nowMs, status: 'PENDING', ...wrong });
  await places.source.hset('claim_registry', {
    good: value({}),
    taken: value({}),
    same: value({}),
    corrupt: value({}),
    'no json': 'PENDING',
    ['x'.repeat(65)]: value({}),
    'bad player': value({ playerId: '' }),
    'bad time': value({ timestamp: 'yesterday' }),
    'a day ahead': value({ timestamp: nowMs + 24 * HOUR_MS }),
    'bad status': value({ status: 'LOST' }),
    'long gone': value({ timestamp: nowMs - HOUR_MS }),
  });
  await seedTarget(places, {
    taken: `P|${nowMs}|999999999999|other`,
    same: `V|${nowMs}|999999999999|p`,
    corrupt: '?',
  });
  const rejects = temporaryFolder(t)('rejects');
  const { exitCode, summary } = await run(places, ['--rejects', rejects]);
  assert.equal(exitCode, ExitCode.REFUSED);
  assert.deepEqual([summary['fields'], summary['imported'], summary['pending']], [11, 1, 1]);
  assert.deepEqual(summary.skipped, {
    ...{ same: 1, past_retention: 1, taken: 1, unreadable_there: 1, unreadable_value: 1 },
    ...{ bad_claim_id: 1, bad_player_id: 1, bad_timestamp: 2, unknown_status: 1 },
  });
  const lines = readFileSync(rejects, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const reasons = new Map(lines.map(({ field, reason }) => [field, reason]));
  assert.equal(reasons.size, 8);
  assert.equal(reasons.get('bad player'), 'bad_player_id');
  const noJson = lines.find(({ field }) => field === 'no json');
  assert.deepEqual(noJson, {
    hash: 'claim_registry',
    field: 'no json',
    value: 'PENDING',
    reason: 'unreadable_value',
  });
  assert.equal((await places.imported())['taken'], `P|${nowMs}|999999999999|other`);
});

/** Makes the target's registry and puts values there, each in every shard: one of them is its own. */
async function seedTarget({ to, target }: Places, values: Record<string, string>): Promise<void> {
  const empty = await Places.make();
  await seed(empty.source, 1);
  assert.equal((await run({ from: empty.from, to }, MADE_WITH)).exitCode, ExitCode.DONE);
  for (let shard = 0; shard < 16; shard += 1) await target.hset(`claim_registry:{${shard}}`, values);
}

test('a dry run tells what an import would, and makes nothing', async (t) => {
  const places = await Places.make();
  await seed(places.source, 1_200);
  const state = temporaryFolder(t)('state');
  const { exitCode, summary } = await run(places, ['--dry-run', '--state', state, ...MADE_WITH]);
  assert.equal(exitCode, ExitCode.DONE);
  assert.deepEqual([summary['dry_run'], summary['imported'], summary['pending']], [true, 1_200, 200]);
  assert.deepEqual(await places.target.keys('*'), []);
  assert.ok(!existsSync(state));
});

describe('what keeps it from beginning', () => {
  for (const [what, code, said, args] of [
    ['no source named', ExitCode.USAGE, /--from/, ['--store', 'redis://127.0.0.1:1']],
    [
      'a source that is a file',
      ExitCode.USAGE,
      /^claimctl: --from: "sqlite:x" /,
      ['--from', 'sqlite:x', '--store', 'redis://h'],
    ],
    [
      'a source that is none',
      ExitCode.USAGE,
      /^claimctl: --from: "ftp:\/\/x" /,
      ['--from', 'ftp://x', '--store', 'redis://h'],
    ],
    ['a target that is a file', ExitCode.USAGE, /--store: "sqlite:/, ['--from', 'redis://h']],
    [
      'a prefix with braces',
      ExitCode.USAGE,
      /--from-key-prefix: "\{a\}"/,
      ['--from', 'redis://h', '--from-key-prefix', '{a}'],
    ],
    [
      'a password file that is not there',
      ExitCode.USAGE,
      /--from-password-file: "\/nowhere"/,
      ['--from', 'redis://h', '--from-password-file', '/nowhere'],
    ],
    [
      'a server that is not there',
      ExitCode.UNCONFIRMED,
      /redis:\/\/127\.0\.0\.1:1:/,
      ['--from', 'redis://127.0.0.1:1', '--store', 'redis://127.0.0.1:1', '--deadline', '300'],
    ],
  ] as const) {
    test(what, async () => {
      const io = new CapturedIo();
      assert.equal(await io.run('import', ...args), code, io.err);
      assert.match(io.err, said);
      assert.match(io.err, /^claimctl: [^\n]+\n$/);
      assert.equal(io.out, '');
    });
  }

  test('nothing at the source; no registry at the target, nor all of its settings; itself', async () => {
    const places = await Places.make();
    const nothing = await run(places, MADE_WITH);
    assert.equal(nothing.exitCode, ExitCode.USAGE);
    assert.match(nothing.io.err, /there is no claim_registry\n$/);

    await seed(places.source, 10);
    const unmade = await run(places, ['--epoch-length-ms', '1000', '--partition', 'claim']);
    assert.equal(unmade.exitCode, ExitCode.USAGE);
    assert.match(unmade.io.err, /give --validation-window-ms, --retention-epochs, --registry-shards\n$/);
    assert.deepEqual(await places.target.keys('*'), []);

    const itself = await run({ from: places.from, to: places.from }, [
      ...MADE_WITH,
      '--registry-shards',
      '1',
    ]);
    assert.equal(itself.exitCode, ExitCode.USAGE);
    assert.match(itself.io.err, /claim_registry is source and target at once/);
  });

  test('other settings than the registry has: which, with 1; by flag, variable or file', async (t) => {
    const places = await Places.make();
    await seed(places.source, 10);
    assert.equal((await run(places, MADE_WITH)).exitCode, ExitCode.DONE);
    const file = temporaryFolder(t)('claimd.json');
    writeFileSync(file, '{"epochLengthMs":20000}');
    for (const [args, env] of [
      [['--epoch-length-ms', '20000'], {}],
      [[], { CLAIMS_EPOCH_LENGTH_MS: '20000' }],
      [['--config', file], {}],
    ] as const) {
      const { exitCode, io } = await run(places, args, new CapturedIo({ env }));
      assert.equal(exitCode, ExitCode.REFUSED);
      assert.match(io.err, /epoch_length_ms is 10000, asked for was 20000/);
    }
    const env = { CLAIMS_STORE: places.to, CLAIMS_EPOCH_LENGTH_MS: '10000', CLAIMS_ADDRESS: 'x:1' };
    const io = new CapturedIo({ env });
    assert.equal(await io.run('import', '--from', places.from), ExitCode.DONE, io.err);
  });
});

test('a person is told in lines, and sees a bar', async () => {
  const places = await Places.make();
  await seed(places.source, 3_000);
  const io = new CapturedIo({ terminal: true });
  assert.equal(
    await io.run('import', '--from', places.from, '--store', places.to, ...MADE_WITH),
    ExitCode.DONE,
  );
  assert.match(
    io.out,
    /^import: 3000 fields of 1 hash, 3000 claims imported, 0 skipped, \d+\.\d s\n {2}pending 500\n {2}validated 1000\n {2}expired 1500\n$/,
  );
  assert.match(io.err, /3000 of about 3000 fields, 3000 imported, 0 skipped/);
});

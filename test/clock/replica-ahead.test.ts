/**
 * A replica whose clock runs ahead of Redis's by more than the skew: it is not ready and says why,
 * pushes nobody's epoch, and is ready by itself once its clock is right (DESIGN § 2).
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Claimd, type ClaimdOptions, launchClaimd } from '../support/claimd.ts';
import { ClaimClient } from '../support/client.ts';
import { freePort } from '../support/free-port.ts';
import { RedisTarget } from '../support/redis-service.ts';
import type { Service } from '../support/service.ts';
import { until } from '../support/waiting.ts';

const AHEAD_MS = 60_000;
const PRELOADED = new URL('../support/shifted-clock.ts', import.meta.url).href;

const target = new RedisTarget(1);
let service: Service;
let other: ClaimClient;

before(async () => {
  await target.open();
  service = await target.start({ CLAIMS_EPOCH_LENGTH_MS: '500', CLAIMS_VALIDATION_WINDOW_MS: '20000' });
  other = service.client();
});
after(async () => {
  await service.stop();
  await target.close();
});

test('ahead at its start: it waits, says so, and expires nothing; then it serves', async (t) => {
  await other.submit({ claimId: 'pending', playerId: 'p' });
  const adminAddress = `127.0.0.1:${await freePort()}`;
  const ahead = await launchClaimd(options('wrong', { CLAIMS_ADMIN_LISTEN: adminAddress }));
  t.after(() => ahead.kill('SIGKILL'));
  await until('it to say why it is not ready', () => saysClockAhead(adminAddress));
  assert.match(ahead.log(), /CLOCK_AHEAD/);
  assert.equal((await other.get('pending')).status, 'PENDING');

  ahead.kill('SIGUSR2');
  const claimd = await ahead.serving();
  await checkServes(claimd, 'after-start');
  assert.equal(await claimd.stop(), 0);
});

test('it runs ahead while it serves: its claims are UNAVAILABLE, the others’ are not; then all are served', async (t) => {
  const claimd = await (await launchClaimd(options('right'))).serving();
  t.after(() => claimd.kill('SIGKILL'));
  const client = new ClaimClient(claimd.address);
  t.after(() => client.close());
  await client.submit({ claimId: 'before', playerId: 'p' });

  claimd.kill('SIGUSR2');
  await until('it to say that it is not ready', () => saysClockAhead(claimd.adminAddress));
  const refused = await client.validate({ claimId: 'before', playerId: 'p' });
  assert.equal(refused.outcome, 'UNAVAILABLE');
  assert.match(refused.reason, /clock/);
  assert.equal((await other.get('before')).status, 'PENDING');
  assert.equal((await other.submit({ claimId: 'meanwhile', playerId: 'p' })).status, 'PENDING');

  claimd.kill('SIGUSR2');
  await until('it to be ready', async () => (await readiness(claimd.adminAddress)).status === 200);
  assert.equal((await client.validate({ claimId: 'before', playerId: 'p' })).outcome, 'ACCEPTED');
  await checkServes(claimd, 'after-all');
  assert.equal(await claimd.stop(), 0);
});

/** A replica whose clock begins so, and changes with each SIGUSR2. */
function options(begins: 'right' | 'wrong', env: Record<string, string> = {}): ClaimdOptions {
  return {
    env: { ...service.env, ...env, CLOCK_AHEAD_MS: `${AHEAD_MS}`, CLOCK_BEGINS: begins },
    execArgv: ['--import', PRELOADED],
  };
}

async function checkServes(claimd: Claimd, claimId: string): Promise<void> {
  const client = new ClaimClient(claimd.address);
  try {
    const { outcome, status } = await client.submit({ claimId, playerId: 'p' });
    assert.deepEqual([outcome, status], ['ACCEPTED', 'PENDING']);
    assert.equal((await client.validate({ claimId, playerId: 'p' })).outcome, 'ACCEPTED');
    assert.equal((await client.get(claimId)).status, 'VALIDATED');
  } finally {
    client.close();
  }
}

async function saysClockAhead(adminAddress: string): Promise<boolean> {
  const { status, text } = await readiness(adminAddress);
  return status === 503 && text.includes('CLOCK_AHEAD');
}

async function readiness(adminAddress: string): Promise<{ status: number; text: string }> {
  try {
    const reply = await fetch(`http://${adminAddress}/readyz`);
    return { status: reply.status, text: await reply.text() };
  } catch (error) {
    return { status: 0, text: String(error) };
  }
}

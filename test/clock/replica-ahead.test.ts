/**
 * A replica whose clock runs ahead of Redis's by more than the skew: it is not ready and says why,
 * and pushes nobody's epoch (DESIGN § 2).
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type ClaimdOptions, launchClaimd } from '../support/claimd.ts';
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

test('ahead at its start: it waits, says so, and expires nothing', async (t) => {
  await other.submit({ claimId: 'pending', playerId: 'p' });
  const adminAddress = `127.0.0.1:${await freePort()}`;
  const ahead = await launchClaimd(options('wrong', { CLAIMS_ADMIN_LISTEN: adminAddress }));
  t.after(() => ahead.kill('SIGKILL'));
  await until('it to say why it is not ready', () => saysClockAhead(adminAddress));
  assert.match(ahead.log(), /CLOCK_AHEAD/);
  await checkOthersGoOn('pending');
  assert.equal(await ahead.stop(), 0);
});

test('it runs ahead while it serves: its own claims are UNAVAILABLE, the others’ are not', async (t) => {
  const claimd = await (await launchClaimd(options('right'))).serving();
  t.after(() => claimd.kill('SIGKILL'));
  const client = new ClaimClient(claimd.address);
  t.after(() => client.close());
  assert.equal((await client.submit({ claimId: 'before', playerId: 'p' })).outcome, 'ACCEPTED');

  claimd.kill('SIGUSR2');
  await until('it to say that it is not ready', () => saysClockAhead(claimd.adminAddress));
  const refused = await client.validate({ claimId: 'before', playerId: 'p' });
  assert.equal(refused.outcome, 'UNAVAILABLE');
  assert.match(refused.reason, /clock/);
  await checkOthersGoOn('before');
  assert.equal(await claimd.stop(), 0);
});

/** A replica whose clock begins so, and changes with each SIGUSR2. */
function options(begins: 'right' | 'wrong', env: Record<string, string> = {}): ClaimdOptions {
  return {
    env: { ...service.env, ...env, CLOCK_AHEAD_MS: `${AHEAD_MS}`, CLOCK_BEGINS: begins },
    execArgv: ['--import', PRELOADED],
  };
}

/** For another replica a pending claim is still that, and new ones are too. */
async function checkOthersGoOn(pending: string): Promise<void> {
  assert.equal((await other.get(pending)).status, 'PENDING');
  const { outcome, status } = await other.submit({ claimId: `after-${pending}`, playerId: 'p' });
  assert.deepEqual([outcome, status], ['ACCEPTED', 'PENDING']);
  assert.equal((await other.validate({ claimId: pending, playerId: 'p' })).outcome, 'ACCEPTED');
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

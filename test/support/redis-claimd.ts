/** Servers on a Redis of the test's own, and loads on them, for tests of failures. */
import type { TestContext } from 'node:test';
import { type ServiceError, status } from '@grpc/grpc-js';
import { type Claimd, type ClaimdOptions, startClaimd } from './claimd.ts';
import { ClaimClient, type Result } from './client.ts';
import { type Caller, FactLoad, type LoadItem, Refused, type Told } from './fact-load.ts';

/** Claims of the test's time stay pending while it lasts, and epochs are short: each is shown to the store. */
const ENV = { CLAIMS_EPOCH_LENGTH_MS: '500', CLAIMS_VALIDATION_WINDOW_MS: '600000' };
/** Facts are checked by a call for each claim. */
const PAUSE_MS = 10;
/** Statuses by which a call is refused that may be sent again. */
const REFUSALS: readonly number[] = [status.UNAVAILABLE, status.RESOURCE_EXHAUSTED];

export interface RedisClaimd {
  readonly claimd: Claimd;
  readonly client: ClaimClient;
}

/** A claimd on a Redis, killed after the test where the test has not ended it, and a client. */
export async function redisClaimdFor(
  t: TestContext,
  store: string,
  options: ClaimdOptions = {},
): Promise<RedisClaimd> {
  const claimd = await startClaimd({ ...options, env: { ...ENV, CLAIMS_STORE: store, ...options.env } });
  const client = new ClaimClient(claimd.address);
  t.after(async () => {
    client.close();
    claimd.kill('SIGKILL');
    await claimd.wait();
  });
  return { claimd, client };
}

/** A load by clients, which ends with the test if not before. */
export function loadBy(t: TestContext, clients: readonly ClaimClient[], prefix = ''): FactLoad {
  const load = new FactLoad(clients.map(callerOf), { prefix, pauseMs: PAUSE_MS });
  t.after(() => load.abandon());
  return load;
}

export function callerOf(client: ClaimClient): Caller {
  return {
    commit: async (items) => [
      ...(await outcomes(items, 'SUBMIT', (asked) => client.batchSubmit(asked))),
      ...(await outcomes(items, 'VALIDATE', (asked) => client.batchValidate(asked))),
    ],
    get: (claims) => Promise.all(claims.map(async (claim) => toldOf(await client.get(claim)))),
  };
}

/** The outcomes of those items that are of an operation, which stand together. */
async function outcomes(
  items: readonly LoadItem[],
  operation: LoadItem['operation'],
  call: (items: { claimId: string; playerId: string }[]) => Promise<Result[]>,
): Promise<string[]> {
  const own = items.filter((item) => item.operation === operation);
  const asked = own.map(({ claim, player }) => ({ claimId: claim, playerId: player }));
  const results = await call(asked).catch((error: ServiceError) => {
    throw REFUSALS.includes(error.code) ? new Refused(error.details) : error;
  });
  const refused = results.find(({ outcome }) => outcome === 'UNAVAILABLE');
  if (refused !== undefined) throw new Refused(refused.reason);
  return results.map(({ outcome }) => outcome);
}

function toldOf({ outcome, status: claimStatus, claim }: Result): Told {
  return { outcome, status: claimStatus, player: claim?.playerId ?? '' };
}

/** The load of failure tests on made-up registries: right ones pass, and each kind of wrong one is found out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Caller,
  checkNothingRefused,
  FactLoad,
  type LoadItem,
  Refused,
  type Told,
} from './fact-load.ts';

/** A turn of the event loop, as a server takes. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A registry of one process; what makes it wrong is overridden. */
class Registry {
  readonly claims = new Map<string, Told>();

  decide({ operation, claim, player }: LoadItem): string {
    const found = this.claims.get(claim);
    if (found === undefined) {
      this.claims.set(claim, { outcome: 'FOUND', status: 'PENDING', player });
      return 'ACCEPTED';
    }
    if (found.player !== player) return 'TAKEN';
    if (operation === 'VALIDATE') this.claims.set(claim, { ...found, status: 'VALIDATED' });
    return 'REPLAYED';
  }

  caller(): Caller {
    return {
      commit: async (items) => {
        await turn();
        return items.map((item) => this.decide(item));
      },
      get: async (claims) => claims.map((claim) => this.claims.get(claim) ?? NOT_FOUND),
    };
  }
}

const NOT_FOUND: Told = { outcome: 'NOT_FOUND', status: 'UNSPECIFIED', player: '' };

async function ended(callers: readonly Caller[]): Promise<FactLoad> {
  const load = new FactLoad(callers);
  await load.untilConfirmed();
  await load.untilConfirmed();
  await load.end();
  return load;
}

test('a right registry passes, and every caller has had its turn', async () => {
  const registry = new Registry();
  const load = await ended([registry.caller(), registry.caller()]);
  assert.equal(load.facts.claims, registry.claims.size);
  checkNothingRefused(load);
});

test('a claim that is lost is found out', async () => {
  const registry = new Registry();
  const load = new FactLoad([registry.caller()]);
  await load.untilConfirmed();
  registry.claims.delete('c0-3');
  await assert.rejects(load.end(), /c0-3 was acknowledged/);
});

test('a validation that is lost is found out', async () => {
  const registry = new Registry();
  const load = new FactLoad([registry.caller()]);
  await load.untilConfirmed();
  registry.claims.set('c0-3', { outcome: 'FOUND', status: 'PENDING', player: 'player-0' });
  await assert.rejects(load.end(), /c0-3/);
});

test('a second winner is found out', async () => {
  const registry = new Registry();
  const generous: Caller = {
    ...registry.caller(),
    commit: async (items) => {
      await turn();
      return items.map((item) => (item.claim === 'c0-3' ? 'ACCEPTED' : registry.decide(item)));
    },
  };
  await assert.rejects(ended([registry.caller(), generous]), /c0-3 has one winner/);
});

test('a claim that is accepted twice is found out', async () => {
  const load = await ended([new Registry().caller()]);
  checkNothingRefused(load);
  load.facts.note({ operation: 'SUBMIT', claim: 'c0-3', player: 'player-0' }, 'ACCEPTED');
  assert.throws(() => checkNothingRefused(load));
});

test('what is refused is sent again, and told with how long it took', async () => {
  const registry = new Registry();
  let refused = 0;
  const failing: Caller = {
    ...registry.caller(),
    commit: async (items) => {
      refused += 1;
      if (refused <= 3) throw new Refused('not now');
      return registry.caller().commit(items);
    },
  };
  const load = new FactLoad([failing]);
  await load.untilConfirmed();
  await load.end();
  assert.deepEqual(
    load.refusals.map(({ words }) => words),
    ['not now', 'not now', 'not now'],
  );
});

test('an error that is no refusal ends it', async () => {
  const failing: Caller = { ...new Registry().caller(), commit: () => Promise.reject(new Error('a fault')) };
  await assert.rejects(new FactLoad([failing]).untilConfirmed(), /a fault/);
});

test('an abandoned load ends though everything is refused', async () => {
  const failing: Caller = { ...new Registry().caller(), commit: () => Promise.reject(new Refused('never')) };
  const load = new FactLoad([failing]);
  await load.untilRefused();
  await load.abandon();
  assert.equal(load.facts.claims, 0);
});

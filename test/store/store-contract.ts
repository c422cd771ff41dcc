/**
 * The contract suite: every promise of src/store/store.ts and every row of DESIGN § 2's table, held
 * against any kind of store. A store brings a way to make one (registry-under-test); the suite
 * needs no hand on its clock.
 */
import { describe } from 'node:test';
import { describeEpochs } from './contract-epochs.ts';
import { describeModel } from './contract-model.ts';
import { describeOutcomes } from './contract-outcomes.ts';
import { describeRegistry } from './contract-registry.ts';
import type { MakeStore } from './registry-under-test.ts';

export function describeStoreContract(name: string, makeStore: MakeStore): void {
  describe(`${name} keeps the store's contract`, () => {
    describeOutcomes(makeStore);
    describeEpochs(makeStore);
    describeRegistry(makeStore);
    describeModel(makeStore);
  });
}

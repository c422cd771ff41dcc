/** A registry of a test's own, on any kind of store: made fresh, opened as often as the test likes. */
import type { TestContext } from 'node:test';
import { EntryTable } from '../../src/entries/entry-table.ts';
import type { ClaimStore, RegistrySettings } from '../../src/store/store.ts';
import { Replica } from './replica.ts';

export interface StoreRequirements {
  /** The same name leads to the same registry, one not used before to a fresh one. */
  readonly registry: string;
  readonly settings: RegistrySettings;
  readonly maxClockSkewMs: number;
  readonly entries: EntryTable;
}

/** A store, not opened yet, and what it would call now, milliseconds since the Unix epoch. */
export interface MadeStore {
  readonly store: ClaimStore;
  readonly nowMs: () => Promise<number>;
}
export type MakeStore = (requirements: StoreRequirements) => Promise<MadeStore>;

/** A claim of time 0 expires in epoch 2, and is absent from epoch 6 on. */
export const SETTINGS: RegistrySettings = {
  epochLengthMs: 1_000,
  validationWindowMs: 1_500,
  retentionEpochs: 3,
  partition: 'claim',
};

/** Lets a test go as far ahead of the store's clock as it likes: about thirty years. */
const ANY_SKEW_MS = 1e12;

const ENTRIES = 4_096;
let made = 0;

export class RegistryUnderTest {
  readonly #makeStore: MakeStore;
  readonly #test: TestContext;
  readonly #settings: RegistrySettings;
  readonly #name = `contract-${process.pid}-${made++}`;
  #baseEpoch: number | undefined;

  /** Its stores are closed when the test ends. */
  constructor(makeStore: MakeStore, test: TestContext, settings: Partial<RegistrySettings> = {}) {
    this.#makeStore = makeStore;
    this.#test = test;
    this.#settings = { ...SETTINGS, ...settings };
  }

  /** A further replica on the registry, opened. */
  async open(maxClockSkewMs = ANY_SKEW_MS): Promise<Replica> {
    const replica = await this.replica({}, maxClockSkewMs);
    await replica.open();
    return replica;
  }

  /** A replica that is not opened yet. */
  async replica(settings: Partial<RegistrySettings> = {}, maxClockSkewMs = ANY_SKEW_MS): Promise<Replica> {
    const entries = EntryTable.allocate(ENTRIES);
    const wanted = { ...this.#settings, ...settings };
    const requirements = { registry: this.#name, settings: wanted, maxClockSkewMs, entries };
    const { store, nowMs } = await this.#makeStore(requirements);
    this.#test.after(() => store.close());
    this.#baseEpoch ??= Math.floor((await nowMs()) / this.#settings.epochLengthMs);
    return new Replica(store, entries, wanted, this.#baseEpoch);
  }
}

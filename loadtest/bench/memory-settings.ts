/** The settings of claimd that memory is measured with, and what its tables take by them. */
import { availableParallelism } from 'node:os';
import { loadConfig } from '../../src/config.ts';
import { engineShape } from '../../src/engine.ts';
import { EngineMemory } from '../../src/segment/engine-memory.ts';
import { threadCounts } from '../../src/thread-counts.ts';

/** Of claimd, as CLAIMS_ variables. */
export type Settings = Readonly<Record<string, string>>;

/** Sized for 100,000 live claims: the next power of two. */
const CAPACITY = { CLAIMS_TABLE_CAPACITY: String(2 ** 17) };

/** Claims live nine to ten seconds, so that of 10,000/s there are 90,000 to 100,000. */
export const UNDER_LOAD = {
  ...CAPACITY,
  CLAIMS_EPOCH_LENGTH_MS: '1000',
  CLAIMS_VALIDATION_WINDOW_MS: '9000',
};
/** Claims live for two hours: until the end of the measurement. */
export const IDLE = { ...CAPACITY, CLAIMS_VALIDATION_WINDOW_MS: '7200000' };

export interface TableMemory {
  /** Everything that is allocated for tables: records, entries, queues. */
  readonly allBytes: number;
  /** The claim table alone. */
  readonly claimTableBytes: number;
}

/** Bytes of shared memory that claimd allocates by its settings. */
export function tableMemory(env: Settings): TableMemory {
  const config = loadConfig([], env, () => '');
  if ('notice' in config) throw new Error('settings alone print nothing');
  const { epochLengthMs, validationWindowMs, retentionEpochs } = config;
  const rules = { epochLengthMs, validationWindowMs, retentionEpochs };
  const threads = threadCounts(config, availableParallelism());
  const { handle } = EngineMemory.allocate(engineShape({ ...config, rules, ...threads }));
  return {
    allBytes: handle.entries.byteLength + handle.table.byteLength + handle.control.byteLength,
    claimTableBytes: handle.table.byteLength,
  };
}

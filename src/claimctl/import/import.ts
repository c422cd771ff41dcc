/**
 * The import command: the claims of Redis hashes, of the predecessor or of a registry of ours, into
 * a registry of ours. Here source and target are found and checked; import-run does the work.
 */
import type { Clock } from '../../clock/clock.ts';
import { RedisHashReader } from '../../store/redis/hash-reader.ts';
import { RedisImport } from '../../store/redis/import.ts';
import { RedisKeys } from '../../store/redis/keys.ts';
import type { KnownSettings } from '../../store/redis/known-settings.ts';
import { type ExitCode, UsageError } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import type { Output } from '../output.ts';
import { orClaimctlError } from './errors.ts';
import type { ImportOptions } from './options.ts';
import { ImportRun } from './run.ts';
import { type ImportIdentity, StateFile } from './state.ts';

/** @throws UsageError, Refused, Unconfirmed; BatchStopped where it did not come to the end. */
export async function importClaims(io: Io, output: Output, options: ImportOptions): Promise<ExitCode> {
  const clock = keepingAlive(io.clock);
  const { timeoutMs } = options;
  const source = new RedisHashReader({ ...options.source, timeoutMs, clock });
  const there = new RedisHashReader({ ...options.target, timeoutMs, clock });
  try {
    return await orClaimctlError(importBetween(io, output, options, clock, source, there));
  } finally {
    source.close();
    there.close();
  }
}

async function importBetween(
  io: Io,
  output: Output,
  options: ImportOptions,
  clock: Clock,
  source: RedisHashReader,
  there: RedisHashReader,
): Promise<ExitCode> {
  const { maxClockSkewMs, timeoutMs, isDryRun } = options;
  const known = await there.settings();
  const { settings, shards } = settingsOf(options, known);
  const identity = await identityOf(options, source, there, new RedisKeys(options.target.keyPrefix, shards));
  const made = { settings, shards, maxClockSkewMs, timeoutMs, clock, isDryRun, isNew: known === null };
  const target = new RedisImport({ ...options.target, ...made });
  // A dry run comes nowhere, so there is nothing to go on from.
  const stateFile = options.state === undefined || isDryRun ? null : new StateFile(options.state);
  try {
    const run = await ImportRun.begin(io, { source, target, settings, identity, clock, stateFile }, options);
    return await run.run(output);
  } finally {
    target.close();
  }
}

/**
 * What the target's registry has, or is to be made with. That is never guessed: it stays for good,
 * and replicas with other settings do not start.
 * @throws UsageError
 */
function settingsOf({ target, given }: ImportOptions, known: KnownSettings | null): KnownSettings {
  const { shards, ...settings } = given.values;
  // Where what is given differs from what is there, the registry says so.
  const all = { ...known?.settings, ...settings };
  const { epochLengthMs, validationWindowMs, retentionEpochs, partition } = all;
  const count = shards ?? known?.shards;
  const isComplete =
    epochLengthMs !== undefined && validationWindowMs !== undefined && retentionEpochs !== undefined;
  if (isComplete && partition !== undefined && count !== undefined) {
    return { settings: { epochLengthMs, validationWindowMs, retentionEpochs, partition }, shards: count };
  }
  throw new UsageError(
    `${target.location.text}: no registry is there; start claimd on it once, or give ${given.missing.join(', ')}`,
  );
}

/** @throws UsageError where there is nothing to read, or it is what would be written to. */
async function identityOf(
  { source: from, target: to }: ImportOptions,
  source: RedisHashReader,
  there: RedisHashReader,
  keys: RedisKeys,
): Promise<ImportIdentity> {
  const hashes = await source.hashes();
  const isThere = (await source.settings()) !== null || (await source.count(hashes)) > 0;
  if (!isThere) throw new UsageError(`${from.location.text}: there is no ${hashes[0]}`);
  const written = Array.from({ length: keys.shards }, (_, shard) => keys.registry(shard));
  const both = hashes.find((hash) => written.includes(hash));
  const isOneDatabase = databaseOf(from.location) === databaseOf(to.location);
  if (both !== undefined && isOneDatabase && (await source.runIdOf(both)) === (await there.runIdOf(both))) {
    throw new UsageError(`${both} is source and target at once`);
  }
  return { source: from.location.text, hashes, target: to.location.text, registry: keys.settings };
}

function databaseOf(location: ImportOptions['source']['location']): number {
  return location.kind === 'cluster' ? 0 : location.database;
}

/** The clock, but a pending timer keeps the process alive: between two connections nothing else does. */
function keepingAlive(clock: Clock): Clock {
  return {
    nowMs: () => clock.nowMs(),
    monotonicUs: () => clock.monotonicUs(),
    after: (delayMs, call) => {
      const timer = setTimeout(call, delayMs);
      return { cancel: () => clearTimeout(timer) };
    },
  };
}

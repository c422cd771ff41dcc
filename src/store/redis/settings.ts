/** What a registry in Redis was made with: made once, and the same for all its replicas. */
import { assert } from '../../domain/assert.ts';
import { RegistryMismatch } from '../../domain/errors.ts';
import type { RedisRegistry } from './registry.ts';
import { callScript, type RedisClient, SETTINGS_SCRIPT } from './scripts.ts';

/** Raised with every change of what the keys hold (keys, values, scripts). */
const FORMAT = 1;

/**
 * For a new connection: makes the settings where there are none, and checks those that there are.
 * Touches nothing where they differ, or where there are claims without settings, which no store of
 * this program leaves.
 * @throws RegistryMismatch
 */
export async function checkSettings(registry: RedisRegistry, client: RedisClient): Promise<void> {
  const has = await askSettings(registry, client, []);
  if (has.size > 0) return compare(registry, has);
  // Where there are claims, another replica may just have made the registry: then it has settings now.
  if (!(await hasClaims(registry, client))) return makeSettings(registry, client);
  compare(registry, await askSettings(registry, client, []));
}

/** Makes the settings unless there are some, and checks them. @throws RegistryMismatch */
export async function makeSettings(registry: RedisRegistry, client: RedisClient): Promise<void> {
  const wanted = Object.entries(settingsFields(registry)).flat();
  compare(registry, await askSettings(registry, client, wanted));
}

function compare(registry: RedisRegistry, has: ReadonlyMap<string, string>): void {
  const wanted = settingsFields(registry);
  const { text } = registry.options.location;
  const format = has.get('format');
  if (format === undefined) {
    const { keys } = registry;
    throw new RegistryMismatch(
      `${text}: ${keys.registry(0)} and ${keys.settings} are not of a registry of this program`,
    );
  }
  if (format !== wanted['format']) {
    throw new RegistryMismatch(`${text}: the registry has format ${format}, this program serves ${FORMAT}`);
  }
  const differing = Object.entries(wanted).filter(([name, value]) => has.get(name) !== value);
  if (differing.length === 0) return;
  const said = differing.map(([name, value]) => `${name} is ${has.get(name)}, asked for was ${value}`);
  throw new RegistryMismatch(`${text}: the registry was made with other settings: ${said.join('; ')}`);
}

/** As they stand in Redis. */
function settingsFields({ options }: RedisRegistry): Record<string, string> {
  const { epochLengthMs, validationWindowMs, retentionEpochs, partition } = options.settings;
  return {
    format: String(FORMAT),
    epoch_length_ms: String(epochLengthMs),
    validation_window_ms: String(validationWindowMs),
    retention_epochs: String(retentionEpochs),
    partition,
    shards: String(options.shards),
  };
}

async function askSettings(
  { keys }: RedisRegistry,
  client: RedisClient,
  args: readonly string[],
): Promise<Map<string, string>> {
  const answer = await callScript(client, { script: SETTINGS_SCRIPT, keys: [keys.settings], args });
  assert(Array.isArray(answer), 'settings are fields and values');
  const fields = new Map<string, string>();
  for (let i = 0; i < answer.length; i += 2) fields.set(String(answer[i]), String(answer[i + 1]));
  return fields;
}

async function hasClaims({ keys, options }: RedisRegistry, client: RedisClient): Promise<boolean> {
  const names = Array.from({ length: options.shards }, (_, shard) => keys.registry(shard));
  const found = await Promise.all(names.map((name) => client.exists(name)));
  return found.some((count) => count > 0);
}

/** The settings of a registry that is there in Redis, for who does not know them. */
import { PARTITION_MODES } from '../../domain/claim.ts';
import { RegistryMismatch } from '../../domain/errors.ts';
import type { RegistrySettings } from '../store.ts';
import { RedisKeys } from './keys.ts';
import type { RedisClient } from './scripts.ts';

export interface KnownSettings {
  readonly settings: RegistrySettings;
  readonly shards: number;
}

/**
 * What the registry under the prefix was made with; null where there is none. Whether this program
 * serves its format is for settings.ts to say.
 * @throws RegistryMismatch where its settings are none
 */
export async function knownSettings(client: RedisClient, keyPrefix: string): Promise<KnownSettings | null> {
  const key = new RedisKeys(keyPrefix, 1).settings;
  const fields = await client.hgetall(key);
  if (Object.keys(fields).length === 0) return null;
  const whole = (name: string): number => {
    const text = fields[name] ?? '';
    if (!/^[0-9]{1,16}$/.test(text)) throw unreadable(key, name, text);
    return Number(text);
  };
  const partition = PARTITION_MODES.find((mode) => mode === fields['partition']);
  if (partition === undefined) throw unreadable(key, 'partition', fields['partition'] ?? '');
  return {
    settings: {
      epochLengthMs: whole('epoch_length_ms'),
      validationWindowMs: whole('validation_window_ms'),
      retentionEpochs: whole('retention_epochs'),
      partition,
    },
    shards: whole('shards'),
  };
}

function unreadable(key: string, name: string, text: string): RegistryMismatch {
  return new RegistryMismatch(
    `${key}: ${name} is ${JSON.stringify(text)}, which no registry of this program has`,
  );
}

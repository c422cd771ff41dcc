/** The embedded default as a service under test: one claimd on a SQLite database of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '../registry/seeded-random.ts';
import { type Env, Service, type Target } from './service.ts';

export const SQLITE: Target = {
  name: 'one claimd on SQLite',
  replicas: 1,
  open: async () => undefined,
  close: async () => undefined,
  start: async (env: Env = {}) => {
    const dataFolder = await mkdtemp(join(tmpdir(), 'claimd-wire-'));
    const release = (): Promise<void> => rm(dataFolder, { recursive: true, force: true });
    return Service.start({ env: {}, dataFolder, release }, 1, env, new SeededRandom(0));
  },
};

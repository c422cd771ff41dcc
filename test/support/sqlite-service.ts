/** The embedded store as a service under test: one claimd on a SQLite database of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '../registry/seeded-random.ts';
import { type Env, Service, type Target } from './service.ts';

/** @param ingressThreads those that serve its calls. */
export function onSqlite(ingressThreads: number): Target {
  return {
    name: `one claimd on SQLite, ${ingressThreads === 1 ? 'the main thread serves' : `${ingressThreads} ingress threads`}`,
    replicas: 1,
    open: async () => undefined,
    close: async () => undefined,
    start: async (env: Env = {}) => {
      const dataFolder = await mkdtemp(join(tmpdir(), 'claimd-wire-'));
      const release = (): Promise<void> => rm(dataFolder, { recursive: true, force: true });
      const threads = { CLAIMS_INGRESS_THREADS: String(ingressThreads) };
      return Service.start({ env: threads, dataFolder, release }, 1, env, new SeededRandom(0));
    },
  };
}

export const SQLITE = onSqlite(1);

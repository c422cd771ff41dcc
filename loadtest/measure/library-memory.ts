/**
 * What each library adds to a process: loads them one after the other, bundled as claimd has them, and
 * prints a JSON line (LibraryMemory) for each. A library's figure is without what one before it loaded.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ProcessMemory, readMemory } from './smaps.ts';

export interface LibraryMemory extends ProcessMemory {
  readonly library: string;
}

const LIBRARIES: Readonly<Record<string, () => Promise<unknown>>> = {
  node: async () => undefined,
  '@grpc/grpc-js': () => import('@grpc/grpc-js'),
  '@grpc/proto-loader': () => import('@grpc/proto-loader'),
  'grpc-health-check': () => import('grpc-health-check'),
  '@grpc/reflection': () => import('@grpc/reflection'),
  commander: () => import('commander'),
  pino: () => import('pino'),
  piscina: () => import('piscina'),
  'node:sqlite': () => import('node:sqlite'),
  ioredis: () => import('ioredis'),
  OpenTelemetry: async () => [
    await import('@opentelemetry/exporter-prometheus'),
    await import('@opentelemetry/sdk-metrics'),
  ],
};

/** Until what loading left to be done is done. */
const SETTLE_MS = 200;

for (const [library, load] of Object.entries(LIBRARIES)) {
  await load();
  await sleep(SETTLE_MS);
  const line: LibraryMemory = { library, ...(await readMemory(process.pid, 0)) };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

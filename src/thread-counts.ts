/** How many threads of each kind: as the settings say, or by the number of cores. */
import { INGRESS_THREADS_MAX, WORKERS_MAX } from './limits.ts';

/** Counts as they are asked for; 0: by the cores. */
export interface ThreadSettings {
  readonly ingressThreads: number;
  readonly workers: number;
}

/**
 * A call costs its ingress thread some forty times what it costs a worker (docs/scaling.md). So of
 * four cores or more all but one are for ingress, which leaves one to the main thread.
 */
const CORES_FOR_INGRESS_THREADS = 4;
/**
 * A worker takes 1 µs of a claim that came in a batch, the main thread, through which all claims of
 * a replica pass, 1.6: one worker for each core that is not the main thread's would only take its
 * 10 MB. Few claims at a time are served by the ingress threads themselves.
 */
const CORES_FOR_EACH_WORKER = 4;

/** @param cores that this process may use. */
export function threadCounts(settings: ThreadSettings, cores: number): ThreadSettings {
  const { ingressThreads, workers } = settings;
  const ingressByCores = cores < CORES_FOR_INGRESS_THREADS ? 1 : Math.min(cores - 1, INGRESS_THREADS_MAX);
  return {
    ingressThreads: ingressThreads === 0 ? ingressByCores : ingressThreads,
    workers: workers === 0 ? workersByCores(cores) : workers,
  };
}

function workersByCores(cores: number): number {
  return Math.min(Math.max(1, Math.floor(cores / CORES_FOR_EACH_WORKER)), WORKERS_MAX);
}

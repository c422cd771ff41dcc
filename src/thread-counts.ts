/** How many threads of each kind: as the settings say, or by the number of cores. */
import { INGRESS_THREADS_MAX, WORKERS_MAX } from './limits.ts';

/** Counts as they are asked for; 0: by the cores. */
export interface ThreadSettings {
  readonly ingressThreads: number;
  readonly workers: number;
}

/**
 * A call costs its ingress thread some forty times what it costs a worker (docs/scaling.md). So of
 * four cores or more all but one are for ingress, which leaves one to the main thread, and the
 * workers, who sleep while there is little for them, share what is idle.
 */
const CORES_FOR_INGRESS_THREADS = 4;

/** @param cores that this process may use. */
export function threadCounts(settings: ThreadSettings, cores: number): ThreadSettings {
  const { ingressThreads, workers } = settings;
  const ingressByCores = cores < CORES_FOR_INGRESS_THREADS ? 1 : Math.min(cores - 1, INGRESS_THREADS_MAX);
  return {
    ingressThreads: ingressThreads === 0 ? ingressByCores : ingressThreads,
    workers: workers === 0 ? Math.min(cores, WORKERS_MAX) : workers,
  };
}

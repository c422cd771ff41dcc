/** What Node and V8 tell a thread of its own running; injected, so that tests can tell otherwise. */
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { GCProfiler, getHeapStatistics } from 'node:v8';
import type { GcKind, GcPause } from './runtime-stats.ts';

const MS_PER_US = 0.001;

export interface HeapFigures {
  /** Bytes that objects take, dead ones included. */
  readonly used: number;
  /** Bytes allocated since the thread began. */
  readonly allocated: number;
}

/** A collection, and the bytes that it left. */
export interface Collection extends GcPause {
  readonly heapAfter: number;
}

/** For a thread whose event loop turns. */
export interface LoopSource {
  heap(): HeapFigures;
  /** Calls for each collection in a later turn of the event loop. Returns how to stop that. */
  onPause(heard: (pause: GcPause) => void): () => void;
}

/** For a thread that has no turning event loop: nothing is told by itself, everything is asked for. */
export interface SleeperSource {
  heap(): HeapFigures;
  /** The collections since this was last asked; the first time none. */
  takeCollections(): Collection[];
}

function heap(): HeapFigures {
  const { used_heap_size: used, total_allocated_bytes: allocated } = getHeapStatistics();
  return { used, allocated };
}

/** What a later V8 may have beside these is left out. */
const KINDS_BY_NUMBER: Readonly<Record<number, GcKind | undefined>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MINOR_MARK_SWEEP]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb',
};

interface GcEntry extends PerformanceEntry {
  readonly detail: { readonly kind: number };
}

/** Node's own observer: 10 to 40 µs a collection, where the profiler takes 250 (docs/decisions). */
export const loopSource: LoopSource = {
  heap,
  onPause: (heard) => {
    const observer = new PerformanceObserver((entries) => {
      for (const { detail, duration } of entries.getEntries() as GcEntry[]) {
        const kind = KINDS_BY_NUMBER[detail.kind];
        if (kind !== undefined) heard({ kind, pauseMs: duration });
      }
    });
    observer.observe({ type: 'gc' });
    return () => observer.disconnect();
  },
};

const KINDS_BY_NAME: Readonly<Record<string, GcKind | undefined>> = {
  Scavenge: 'minor',
  MinorMarkCompact: 'minor',
  MarkSweepCompact: 'major',
  IncrementalMarking: 'incremental',
  ProcessWeakCallbacks: 'weakcb',
};

/**
 * V8's profiler, which is stopped, read and started anew at each look: 2 µs, and 250 µs for each
 * collection that it has recorded, of which such threads have few.
 */
export class ProfilerSource implements SleeperSource {
  #profiler: GCProfiler | undefined;

  heap(): HeapFigures {
    return heap();
  }

  takeCollections(): Collection[] {
    const statistics = this.#profiler?.stop().statistics ?? [];
    this.#profiler = new GCProfiler();
    this.#profiler.start();
    return statistics.flatMap(({ gcType, cost, afterGC }) => {
      const kind = KINDS_BY_NAME[gcType];
      if (kind === undefined) return [];
      return [{ kind, pauseMs: cost * MS_PER_US, heapAfter: afterGC.heapStatistics.usedHeapSize }];
    });
  }
}

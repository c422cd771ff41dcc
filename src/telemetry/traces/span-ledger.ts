/**
 * Counts every span from its end until it was exported or dropped. It stands at both ends of the
 * SDK's queue: there is never more in it than there may be, and what is dropped is a whole trace.
 */
import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace';
import type { ExportWatch } from '../export-watch.ts';
import { EXPORT_SUCCESS } from '../otlp.ts';

/** Why spans are dropped: too many wait to be exported; the receiver did not take them. */
export const SPAN_DROP_REASONS = ['queue_full', 'export_failed'] as const;
export type SpanDropReason = (typeof SPAN_DROP_REASONS)[number];

/** Spans so far. */
export interface SpanCounts {
  readonly exported: number;
  readonly dropped: Readonly<Record<SpanDropReason, number>>;
}

export class SpanLedger {
  /** Where spans enter: beside the SDK's processor that queues them. */
  readonly entrance: SpanProcessor = {
    onStart: () => undefined,
    onEnd: () => {
      this.#waiting += 1;
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
  readonly #most: number;
  readonly #dropped = { queue_full: 0, export_failed: 0 };
  #waiting = 0;
  #exported = 0;

  /** @param most spans that may wait to be exported, or be under way. */
  constructor(most: number) {
    this.#most = most;
  }

  get counts(): SpanCounts {
    return { exported: this.#exported, dropped: { ...this.#dropped } };
  }

  /** Spans that wait to be exported, or are under way. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Whether so many spans may be made; where they may not, they are counted as dropped. */
  admits(spans: number): boolean {
    if (this.#waiting + spans <= this.#most) return true;
    this.#dropped.queue_full += spans;
    return false;
  }

  /** Where spans leave. Failures are told by the watch, and to the SDK no second time. */
  exit(exporter: SpanExporter, watch: ExportWatch): SpanExporter {
    return {
      export: (spans: ReadableSpan[], done) => {
        exporter.export(spans, ({ code, error }) => {
          this.#waiting -= spans.length;
          if (code === EXPORT_SUCCESS) {
            this.#exported += spans.length;
            watch.succeeded();
          } else {
            this.#dropped.export_failed += spans.length;
            watch.failed(error);
          }
          done({ code: EXPORT_SUCCESS });
        });
      },
      shutdown: () => exporter.shutdown(),
    };
  }
}

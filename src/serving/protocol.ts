/**
 * What the main thread and an ingress thread say to each other. Claims never travel so: they are
 * entries in shared memory. Messages of one kind are notices; a task is answered once, by its number.
 */
import type { Socket } from 'node:net';
import type { EpochSummary } from '../coordinator/epoch-reader.ts';
import type { ErrorMessage } from '../domain/error-message.ts';
import type { EngineHandle } from '../segment/engine-memory.ts';
import type { CallTrace } from '../telemetry/call-trace.ts';
import type { Logger } from '../telemetry/log.ts';
import type { ServerSettings } from '../wire/claims-server.ts';

/** What an ingress thread is started with. */
export interface IngressThreadData {
  readonly handle: EngineHandle;
  /** Its number among the ingress threads. */
  readonly thread: number;
  readonly settings: ServerSettings;
  /** Whether calls that are worth it are told as traces. */
  readonly traces: boolean;
}

/** What the main thread wants done, and to hear of when it is. */
export type Task =
  /** Calls in flight finish. */
  | { readonly kind: 'drain' }
  /** Entries that were returned are taken home. */
  | { readonly kind: 'takeHome' }
  /** Waits until no caller waits. */
  | { readonly kind: 'idle' }
  /** The thread ends. */
  | { readonly kind: 'end' };

export type ToThread =
  | { readonly kind: 'connection'; readonly connection: Socket }
  | { readonly kind: 'open' }
  | { readonly kind: 'close' }
  | { readonly kind: 'serving'; readonly serving: boolean }
  /** The epoch is complete. */
  | { readonly kind: 'completed'; readonly epoch: number }
  /** These entries died with a worker; the thread settles those that are its own. */
  | { readonly kind: 'lost'; readonly entries: readonly number[] }
  | { readonly kind: 'task'; readonly id: number; readonly task: Task }
  | { readonly kind: 'summaries'; readonly id: number; readonly summaries: readonly EpochSummary[] }
  | { readonly kind: 'noSummaries'; readonly id: number; readonly error: ErrorMessage };

export type FromThread =
  | { readonly kind: 'started' }
  /** A connection that it was given has ended. */
  | { readonly kind: 'disconnected' }
  | { readonly kind: 'done'; readonly id: number }
  | { readonly kind: 'askSummaries'; readonly id: number; readonly from: number; readonly to: number }
  /** A call is worth a trace. */
  | { readonly kind: 'trace'; readonly trace: CallTrace }
  | {
      readonly kind: 'log';
      readonly level: keyof Logger;
      readonly fields: Readonly<Record<string, unknown>>;
      readonly text: string;
    };

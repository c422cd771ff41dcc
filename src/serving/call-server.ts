/**
 * Who serves the calls of claimd: the main thread itself (lone-server), or threads of their own
 * (threaded-server). Both are held to the wire's suites.
 */
import type { Socket } from 'node:net';
import type { EpochReader } from '../coordinator/epoch-reader.ts';
import type { IngressThreads } from '../ingress/ingress-threads.ts';

export interface CallServer {
  /** What the engine needs of it. */
  readonly ingress: IngressThreads;
  /** Resolves once connections can be served. @param epochs of which callers are told. */
  start(epochs: EpochReader): Promise<void>;
  /** Serves a connection of which nothing has been read. */
  accept(connection: Socket): void;
  /** Calls are served from now on; before, they are refused. */
  open(): void;
  /** Calls are refused from now on; those in flight are answered, streams end. */
  close(): void;
  /** What health tells. */
  setServing(serving: boolean): void;
  /** Lets calls in flight finish. */
  drain(): Promise<void>;
  /** Ends its threads: the engine has stopped. */
  end(): Promise<void>;
}

/** The health watches that are open, so that a drain can end them: by themselves they never do. */
import {
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import { notServing } from './status.ts';

const WATCH_PATH = '/grpc.health.v1.Health/Watch';

export class HealthWatches {
  readonly #open = new Set<ServerInterceptingCallInterface>();

  /** Lets every other call through as it is. */
  readonly interceptor: ServerInterceptor = (method, call) => {
    if (method.path !== WATCH_PATH) return call as ServerInterceptingCall;
    this.#open.add(call);
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onCancel: () => {
            this.#open.delete(call);
          },
        }),
    });
  };

  /** Tells the watchers that this server is going, and ends their calls. */
  end(): void {
    for (const call of this.#open) call.sendStatus(notServing('shutting down'));
    this.#open.clear();
  }
}

/** Clients that take part in a trace: they send traceparent (W3C trace context) with every call. */
import type { TestContext } from 'node:test';
import { InterceptingCall, type Interceptor } from '@grpc/grpc-js';
import type { Claimd } from './claimd.ts';
import type { ClaimClient } from './client.ts';
import { clientFor } from './for-test.ts';

export const CALLER = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
export const SAMPLED = `00-${CALLER.traceId}-${CALLER.spanId}-01`;
export const NOT_SAMPLED = `00-${CALLER.traceId}-${CALLER.spanId}-00`;

/** A client whose calls carry these values, closed after the test. */
export function tracedClientFor(t: TestContext, claimd: Claimd, ...traceParents: string[]): ClaimClient {
  return clientFor(t, claimd, { interceptors: [tracing(traceParents)] });
}

/** Adds these values to every call. */
export function tracing(traceParents: readonly string[]): Interceptor {
  return (options, next) =>
    new InterceptingCall(next(options), {
      start: (metadata, listener, start) => {
        for (const value of traceParents) metadata.add('traceparent', value);
        start(metadata, listener);
      },
    });
}

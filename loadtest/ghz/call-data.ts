/**
 * The requests of a load as a file for ghz (--binary-file): serialised messages, each after its
 * length, one for each call. Made beforehand, because ghz's templates cost it more CPU per call
 * than the server needs to answer it, and both share the machine.
 */
import { GRPC_PREFIX_BYTES, ItemTemplate, RequestTemplate, varint } from '../measure/messages.ts';
import type { Workload } from '../measure/workload.ts';
import { callsOf, claimNumber, type Load, type Scenario } from './scenario.ts';

/** The next `calls` requests of a workload. */
export function workloadData(workload: Workload, calls: number): Buffer {
  const parts = Array.from({ length: calls }, () => dataOf(workload.next().message));
  return Buffer.concat(parts);
}

/** The claims of `run` as ghz's load asks for them; times are left to the server. */
export function callData(run: string, scenario: Scenario, load: Load): Buffer {
  const template = requestTemplate(run, load);
  const parts: Buffer[] = [];
  for (let call = 0; call < callsOf(scenario, load); call++) {
    parts.push(dataOf(template.fill(claimNumber(load, call * load.items))));
  }
  return Buffer.concat(parts);
}

/** A gRPC message as ghz reads it, copied. */
function dataOf(grpcMessage: Buffer): Buffer {
  const message = grpcMessage.subarray(GRPC_PREFIX_BYTES);
  return Buffer.concat([varint(message.length), message]);
}

function requestTemplate(run: string, load: Load): RequestTemplate {
  const item = new ItemTemplate(run, false);
  if (load.method !== 'BatchSubmitClaims') return RequestTemplate.single(item);
  return RequestTemplate.list(item, load.items, 1, Buffer.alloc(0));
}

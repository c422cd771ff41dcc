/**
 * The requests of a load as a file for ghz (--binary-file): serialised messages, each after its
 * length, one for each call. Made beforehand, because ghz's templates cost it more CPU per call
 * than the server needs to answer it, and both share the machine.
 */
import { GRPC_PREFIX_BYTES, ItemTemplate, RequestTemplate, varint } from '../measure/messages.ts';
import { callsOf, claimNumber, type Load, type Scenario } from './scenario.ts';

/** The claims of `run` as ghz's load asks for them; times are left to the server. */
export function callData(run: string, scenario: Scenario, load: Load): Buffer {
  const template = requestTemplate(run, load);
  const parts: Buffer[] = [];
  for (let call = 0; call < callsOf(scenario, load); call++) {
    const message = template.fill(claimNumber(load, call * load.items)).subarray(GRPC_PREFIX_BYTES);
    parts.push(varint(message.length), Buffer.from(message));
  }
  return Buffer.concat(parts);
}

function requestTemplate(run: string, load: Load): RequestTemplate {
  const item = new ItemTemplate(run, false);
  if (load.method !== 'BatchSubmitClaims') return RequestTemplate.single(item);
  return RequestTemplate.list(item, load.items, 1, Buffer.alloc(0));
}

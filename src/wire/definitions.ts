/** The service definition, from the .proto files that ship beside the program. */
import { fileURLToPath } from 'node:url';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';

const PROTO_ROOT = fileURLToPath(new URL('../../proto', import.meta.url));
export const SERVICE_NAME = 'claims.v1.ClaimService';

/** Methods whose bytes the program reads and writes itself (wire/request-codec, reply-codec). */
const RAW_METHODS = new Set([
  'SubmitClaim',
  'ValidateClaim',
  'GetClaim',
  'BatchSubmitClaims',
  'BatchValidateClaims',
  'ExchangeClaims',
]);

/** As proto-loader makes it; int64 as numbers, since all of ours are below 2^53. */
export function loadDefinitions(): PackageDefinition {
  return loadSync('claims/v1/claims.proto', { includeDirs: [PROTO_ROOT], longs: Number });
}

/** The service, with raw bytes in and out where they are hot. */
export function claimServiceDefinition(definitions: PackageDefinition): ServiceDefinition {
  const methods = Object.entries(definitions[SERVICE_NAME] as ServiceDefinition).map(([name, method]) => {
    const raw = { ...method, requestDeserialize: asIs, responseSerialize: asIs };
    return [name, RAW_METHODS.has(name) ? raw : method];
  });
  return Object.fromEntries(methods);
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

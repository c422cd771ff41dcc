/** The service definition, from the .proto files that ship beside the program. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import protobuf from 'protobufjs';

/** Beside src in development, beside dist as shipped. */
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

/**
 * What reflection tells: the descriptors that buf made of the .proto file (`npm run proto`).
 * Those of proto-loader would lose proto3's optional and the JSON names of fields.
 */
export function loadReflectedDefinitions(): PackageDefinition {
  const fileDescriptorProtos = filesOf(readFileSync(join(PROTO_ROOT, 'claims.binpb')));
  const definitions = Object.entries(loadDefinitions());
  return Object.fromEntries(
    definitions.map(([name, definition]) => [name, { ...definition, fileDescriptorProtos }]),
  ) as PackageDefinition;
}

/** The files of a serialized google.protobuf.FileDescriptorSet: its repeated field 1. */
function filesOf(descriptorSet: Buffer): Buffer[] {
  const reader = protobuf.Reader.create(descriptorSet);
  const files: Buffer[] = [];
  while (reader.pos < reader.len) {
    reader.uint32();
    files.push(Buffer.from(reader.bytes()));
  }
  return files;
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

/** The service definition, from the .proto files that ship beside the program. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import protobuf from 'protobufjs';
import { InvalidArgument } from '../domain/errors.ts';
import { checkMessage, viewOf } from './protobuf-reader.ts';

/** Beside src in development, beside dist as shipped. */
const PROTO_ROOT = fileURLToPath(new URL('../../proto', import.meta.url));
export const SERVICE_NAME = 'claims.v1.ClaimService';

/** Methods whose messages the program reads and writes itself (wire/request-codec, reply-codec). */
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

/**
 * The service as the server has it: requests are raw bytes, so that an unreadable one is ours to
 * answer (grpc-js would say INTERNAL); where a method is hot, replies are too.
 */
export function claimServiceDefinition(definitions: PackageDefinition): ServiceDefinition {
  const methods = Object.entries(definitions[SERVICE_NAME] as ServiceDefinition).map(([name, method]) => {
    const responseSerialize = RAW_METHODS.has(name) ? asIs : method.responseSerialize;
    return [name, { ...method, requestDeserialize: asIs, responseSerialize }];
  });
  return Object.fromEntries(methods);
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

/** Reads the requests of a method that is not hot. @throws InvalidArgument where they are unreadable. */
export function requestReader<Request>(
  definitions: PackageDefinition,
  method: string,
): (bytes: Buffer) => Request {
  const { requestDeserialize } = (definitions[SERVICE_NAME] as ServiceDefinition)[method];
  return (bytes) => {
    // Stricter than protobufjs, and the same for every method.
    checkMessage(viewOf(bytes));
    try {
      return requestDeserialize(bytes) as Request;
    } catch (error) {
      throw new InvalidArgument(
        'message',
        `${bytes.length} bytes (${error})`,
        'a protobuf message of the method',
      );
    }
  };
}

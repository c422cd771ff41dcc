/**
 * The contract's proto file: clean under buf's rules, and in every name, number, type, label and
 * value what DESIGN § 3 says. Written out here, so that a change of the contract is a change here.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { ClaimStatus, Outcome } from '../src/domain/claim.ts';

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));
const BUF = join(REPOSITORY, 'node_modules', '.bin', 'buf');
const PROTO = join('proto', 'claims', 'v1', 'claims.proto');

/** Fields in the order of their numbers, from 1 on: label and type, then name. */
const MESSAGES: Readonly<Record<string, readonly string[]>> = {
  Claim: ['string claim_id', 'string player_id', 'int64 timestamp_ms', 'ClaimStatus status'],
  ClaimResult: [
    'Outcome outcome',
    'ClaimStatus status',
    'int64 epoch',
    'int64 expires_at_epoch',
    'Claim claim',
    'string reason',
  ],
  SubmitClaimRequest: ['string claim_id', 'string player_id', 'optional int64 timestamp_ms'],
  SubmitClaimResponse: ['ClaimResult result'],
  ValidateClaimRequest: ['string claim_id', 'string player_id'],
  ValidateClaimResponse: ['ClaimResult result'],
  GetClaimRequest: ['string claim_id', 'optional string player_id'],
  GetClaimResponse: ['ClaimResult result'],
  BatchSubmitClaimsRequest: ['repeated SubmitClaimRequest items'],
  BatchSubmitClaimsResponse: ['repeated ClaimResult results'],
  BatchValidateClaimsRequest: ['repeated ValidateClaimRequest items'],
  BatchValidateClaimsResponse: ['repeated ClaimResult results'],
  ExchangeClaimsRequest: [
    'uint64 frame_id',
    'repeated SubmitClaimRequest submits',
    'repeated ValidateClaimRequest validates',
  ],
  ExchangeClaimsResponse: [
    'uint64 frame_id',
    'repeated ClaimResult submits',
    'repeated ClaimResult validates',
  ],
  EpochSummary: [
    'int64 epoch',
    'int64 start_ms',
    'int64 duration_us',
    'int64 submitted',
    'int64 validated',
    'int64 expired',
    'int64 pending',
  ],
  GetEpochRequest: ['optional int64 epoch'],
  GetEpochResponse: ['EpochSummary summary'],
  WatchEpochsRequest: ['optional int64 from_epoch'],
  WatchEpochsResponse: ['EpochSummary summary'],
};

/** Values in the order of their numbers, from 0 on. */
const ENUMS: Readonly<Record<string, readonly string[]>> = {
  Outcome: [
    'OUTCOME_UNSPECIFIED',
    'OUTCOME_ACCEPTED',
    'OUTCOME_REPLAYED',
    'OUTCOME_TAKEN',
    'OUTCOME_EXPIRED',
    'OUTCOME_NOT_FOUND',
    'OUTCOME_INVALID',
    'OUTCOME_UNAVAILABLE',
    'OUTCOME_FOUND',
  ],
  ClaimStatus: [
    'CLAIM_STATUS_UNSPECIFIED',
    'CLAIM_STATUS_PENDING',
    'CLAIM_STATUS_VALIDATED',
    'CLAIM_STATUS_EXPIRED',
  ],
};

const METHODS: Readonly<Record<string, string>> = {
  SubmitClaim: 'SubmitClaimRequest → SubmitClaimResponse',
  ValidateClaim: 'ValidateClaimRequest → ValidateClaimResponse',
  GetClaim: 'GetClaimRequest → GetClaimResponse',
  BatchSubmitClaims: 'BatchSubmitClaimsRequest → BatchSubmitClaimsResponse',
  BatchValidateClaims: 'BatchValidateClaimsRequest → BatchValidateClaimsResponse',
  ExchangeClaims: 'stream ExchangeClaimsRequest → stream ExchangeClaimsResponse',
  GetEpoch: 'GetEpochRequest → GetEpochResponse',
  WatchEpochs: 'WatchEpochsRequest → stream WatchEpochsResponse',
};

function parseProto(): { root: protobuf.NamespaceBase; source: string } {
  const source = readFileSync(join(REPOSITORY, PROTO), 'utf8');
  const parsed = protobuf.parse(source, { keepCase: true });
  assert.equal(parsed.package, 'claims.v1');
  return { root: parsed.root.resolveAll().lookup('claims.v1') as protobuf.NamespaceBase, source };
}

function labelOf(field: protobuf.Field): string {
  if (field.repeated) return 'repeated ';
  return field.getOption('proto3_optional') === true ? 'optional ' : '';
}

/** Fields by their numbers, in the words of MESSAGES. */
function shapeOf(message: protobuf.Type): Record<number, string> {
  assert.deepEqual(message.nestedArray, [], `${message.name} nests nothing`);
  const fields = message.fieldsArray.map((field) => [
    field.id,
    `${labelOf(field)}${field.type} ${field.name}`,
  ]);
  return Object.fromEntries(fields);
}

function numbered(from: number, lines: readonly string[]): Record<number, string> {
  return Object.fromEntries(lines.map((line, i) => [from + i, line]));
}

const { root, source } = parseProto();
const declared = root.nestedArray;

test('it is proto3 and declares one service, its messages and enums, and nothing else', () => {
  assert.match(source, /^syntax = "proto3";$/m);
  assert.deepEqual(
    new Set(declared.map(({ name }) => name)),
    new Set([...Object.keys(MESSAGES), ...Object.keys(ENUMS), 'ClaimService']),
  );
});

for (const [name, fields] of Object.entries(MESSAGES)) {
  test(`${name} has the fields of the design`, () => {
    assert.deepEqual(shapeOf(root.lookupType(name)), numbered(1, fields));
  });
}

for (const [name, values] of Object.entries(ENUMS)) {
  test(`${name} has the values of the design`, () => {
    assert.deepEqual(root.lookupEnum(name).valuesById, numbered(0, values));
  });
}

test('the program’s own numbers are those of the wire', () => {
  const words = { Outcome: ['OUTCOME_', Outcome], ClaimStatus: ['CLAIM_STATUS_', ClaimStatus] } as const;
  for (const [name, [prefix, numbers]] of Object.entries(words)) {
    const ours = Object.entries(numbers).map(([word, number]) => [number, prefix + word]);
    assert.deepEqual(Object.fromEntries(ours), numbered(0, ENUMS[name]));
  }
});

test('ClaimService has the methods of the design', () => {
  const streaming = (streams: boolean | undefined, type: string) =>
    streams === true ? `stream ${type}` : type;
  const methods = root.lookupService('ClaimService').methodsArray.map((method) => {
    const request = streaming(method.requestStream, method.requestType);
    return [method.name, `${request} → ${streaming(method.responseStream, method.responseType)}`];
  });
  assert.deepEqual(Object.fromEntries(methods), METHODS);
});

/** What buf says of the protos of a folder, and whether it is content. */
function lint(folder: string): { status: number | null; output: string } {
  const { status, stdout, stderr, error } = spawnSync(BUF, ['lint'], { cwd: folder, encoding: 'utf8' });
  assert.equal(error, undefined);
  return { status, output: `${stdout}${stderr}` };
}

test('buf’s STANDARD rules have nothing to say', () => {
  assert.match(readFileSync(join(REPOSITORY, 'buf.yaml'), 'utf8'), /use:\s*- STANDARD\s*$/);
  assert.deepEqual(lint(REPOSITORY), { status: 0, output: '' });
});

test('and they would say something of a fault', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'buf-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const path of ['buf.yaml', 'proto'])
    cpSync(join(REPOSITORY, path), join(folder, path), { recursive: true });
  writeFileSync(join(folder, PROTO), source.replace('string player_id = 2;', 'string playerId = 2;'));
  const { status, output } = lint(folder);
  assert.notEqual(status, 0);
  assert.match(output, /Field name "playerId" should be lower_snake_case/);
});

/** grpc.health.v1 and server reflection v1, as probes and grpcurl use them. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Client, credentials, type MethodDefinition, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { type Claimd, startClaimd } from '../support/claimd.ts';
import { SERVICE_NAME } from '../support/client.ts';
import { claimdFor } from '../support/for-test.ts';
import { HealthClient } from '../support/health-client.ts';
import { failsWith } from '../support/waiting.ts';

interface ReflectionReply {
  /** Which of the fields it is. */
  messageResponse: string;
  listServicesResponse: { service: { name: string }[] } | null;
  fileDescriptorResponse: { fileDescriptorProto: Buffer[] } | null;
}

let claimd: Claimd;

before(async () => {
  claimd = await startClaimd();
});

after(async () => {
  assert.equal(await claimd.stop(), 0);
});

describe('health', () => {
  let health: HealthClient;
  before(() => {
    health = new HealthClient(claimd.address);
  });
  after(() => health.close());

  test('Check says SERVING for the server and for the service', async () => {
    for (const service of ['', SERVICE_NAME]) assert.equal(await health.check(service), 'SERVING');
  });

  test('Check of an unknown service: NOT_FOUND', async () => {
    await failsWith(health.check('claims.v2.ClaimService'), status.NOT_FOUND);
  });

  test('Watch says SERVING at once, SERVICE_UNKNOWN of an unknown service', async () => {
    for (const [service, expected] of [
      ['', 'SERVING'],
      [SERVICE_NAME, 'SERVING'],
      ['nobody', 'SERVICE_UNKNOWN'],
    ]) {
      const { value } = await health.watch(service).next();
      assert.equal(value, expected);
    }
  });
});

describe('reflection', () => {
  test('lists the service and describes it', async () => {
    const list = await reflect(claimd.address, { listServices: '' });
    const names = list.listServicesResponse?.service.map(({ name }) => name) ?? [];
    assert.ok(names.includes(SERVICE_NAME), `${names}`);
    const { fileDescriptorResponse } = await reflect(claimd.address, { fileContainingSymbol: SERVICE_NAME });
    const described = Buffer.concat(fileDescriptorResponse?.fileDescriptorProto ?? []).toString('latin1');
    for (const name of ['ExchangeClaims', 'WatchEpochsResponse', 'expires_at_epoch']) {
      assert.ok(described.includes(name), `${name} is not described`);
    }
  });

  test('answers every question of a first call, by either version', async (t) => {
    const fresh = await claimdFor(t, {});
    const [list, file] = ['listServicesResponse', 'fileDescriptorResponse'];
    const questions = [{ listServices: '' }, { fileContainingSymbol: SERVICE_NAME }, { listServices: '' }];
    for (const version of ['v1alpha', 'v1']) {
      const replies = await ask(fresh.address, questions, version);
      const answered = replies.map((reply) => reply.messageResponse);
      assert.deepEqual(answered, [list, file, list], version);
    }
    assert.equal(await fresh.stop(), 0);
  });

  test('is not there where it is turned off', async (t) => {
    const plain = await claimdFor(t, { env: { CLAIMS_REFLECTION: 'false' } });
    await failsWith(reflect(plain.address, { listServices: '' }), status.UNIMPLEMENTED);
    assert.equal(await plain.stop(), 0);
  });
});

/** One question to grpc.reflection.v1, as grpcurl asks it. */
async function reflect(address: string, question: object): Promise<ReflectionReply> {
  const [reply] = await ask(address, [question], 'v1');
  if (reply === undefined) throw new Error('reflection ended without a reply');
  return reply;
}

/** Questions of one call, sent at once, and their replies. */
async function ask(
  address: string,
  questions: readonly object[],
  version: string,
): Promise<ReflectionReply[]> {
  const client = new Client(address, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = reflectionMethod();
  const decode = responseDeserialize as unknown as (bytes: Buffer) => ReflectionReply;
  const versioned = path.replace('.v1.', `.${version}.`);
  const call = client.makeBidiStreamRequest<object, ReflectionReply>(versioned, requestSerialize, decode);
  try {
    for (const question of questions) call.write(question);
    call.end();
    const replies: ReflectionReply[] = [];
    for await (const reply of call) replies.push(reply);
    return replies;
  } finally {
    client.close();
  }
}

function reflectionMethod(): MethodDefinition<object, object> {
  const main = createRequire(import.meta.url).resolve('@grpc/reflection');
  const proto = join(dirname(main), '..', 'proto', 'grpc', 'reflection', 'v1', 'reflection.proto');
  const service = loadSync(proto, { defaults: true, oneofs: true })['grpc.reflection.v1.ServerReflection'];
  if (service === undefined || 'format' in service) throw new Error(`${proto} has no ServerReflection`);
  return service['ServerReflectionInfo'];
}

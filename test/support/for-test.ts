/** What a test starts for itself, ended with the test whether it passes or fails. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { ClientOptions } from '@grpc/grpc-js';
import { type Claimd, type ClaimdOptions, startClaimd } from './claimd.ts';
import { ClaimClient } from './client.ts';
import type { Env, Service, Target } from './service.ts';

/** An empty folder that outlives one claimd, so that a second can be started on it. */
export async function temporaryFolder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'claimd-wire-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** A claimd that is killed after the test where the test has not ended it. */
export async function claimdFor(t: TestContext, options: ClaimdOptions = {}): Promise<Claimd> {
  const claimd = await startClaimd(options);
  t.after(async () => {
    claimd.kill('SIGKILL');
    await claimd.wait();
  });
  return claimd;
}

/** A service that is ended after the test, in whatever state it is then. */
export async function serviceFor(t: TestContext, target: Target, env: Env = {}): Promise<Service> {
  const service = await target.start(env);
  t.after(() => service.destroy());
  return service;
}

/** A client of a claimd, closed after the test. */
export function clientFor(t: TestContext, claimd: Claimd, options: ClientOptions = {}): ClaimClient {
  const client = new ClaimClient(claimd.address, options);
  t.after(() => client.close());
  return client;
}

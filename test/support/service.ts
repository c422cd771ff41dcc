/**
 * What the suites of the wire run on: a service, which is one claimd or several on one registry. A
 * client of a service gives each call to a replica chosen at random, so a test that has no wish of
 * its own as to the replica sees one service.
 */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { ClientOptions } from '@grpc/grpc-js';
import { systemClock } from '../../src/clock/clock.ts';
import type { SeededRandom } from '../registry/seeded-random.ts';
import { type Claimd, startClaimd } from './claimd.ts';
import { ClaimClient } from './client.ts';
import { residentBytes } from './memory-of.ts';

/** Settings of claimd, as CLAIMS_ variables. */
export type Env = Readonly<Record<string, string>>;

/** Where one registry is kept. */
export interface Place {
  /** What leads claimd there. */
  readonly env: Env;
  readonly dataFolder?: string;
  /** Removes the registry. */
  release(): Promise<void>;
}

/** A kind of service. */
export interface Target {
  /** In the suites' names. */
  readonly name: string;
  readonly replicas: number;
  /** Makes ready what all services share: before the first of them. */
  open(): Promise<void>;
  /** After the last. */
  close(): Promise<void>;
  /** Starts a service on a registry of its own. */
  start(env?: Env): Promise<Service>;
}

export class Service {
  readonly #place: Place;
  readonly #env: Env;
  readonly #random: SeededRandom;
  readonly #clients: ClaimClient[] = [];
  #replicas: readonly Claimd[];

  private constructor(place: Place, env: Env, random: SeededRandom, replicas: readonly Claimd[]) {
    this.#place = place;
    this.#env = env;
    this.#random = random;
    this.#replicas = replicas;
  }

  /** @param random chooses the replica of each call. @throws Error with the log of one that can't start */
  static async start(place: Place, replicas: number, env: Env, random: SeededRandom): Promise<Service> {
    return new Service(place, env, random, await startAll(place, replicas, env));
  }

  get replicas(): readonly Claimd[] {
    return this.#replicas;
  }

  /** A client whose calls go to any of the replicas that run now; closed with the service. */
  client(options: ClientOptions = {}): ClaimClient {
    return this.#client(this.#replicas, options);
  }

  /** A client of one replica; closed with the service. */
  clientOf(replica: number, options: ClientOptions = {}): ClaimClient {
    return this.#client([this.#replicas[replica]], options);
  }

  /** The address of any of the replicas. */
  address(): string {
    return this.#random.pick(this.#replicas).address;
  }

  /** What a further replica of it is started with. */
  get env(): Env {
    return { ...this.#env, ...this.#place.env };
  }

  /** Ends one replica by a signal and goes on with the others. */
  async lose(replica: number, signal: NodeJS.Signals): Promise<void> {
    const lost = this.#replicas[replica];
    this.#replicas = this.#replicas.filter((other) => other !== lost);
    lost.kill(signal);
    await lost.wait();
  }

  /** Ends every replica by a signal and, no earlier than `atMs`, starts as many. Clients are to be made anew. */
  async restart(signal: NodeJS.Signals, atMs = 0): Promise<void> {
    await this.#end(signal);
    await delay(Math.max(0, atMs - systemClock.nowMs()));
    this.#replicas = await startAll(this.#place, this.#replicas.length, this.#env);
  }

  /** What the replicas hold of memory, together. */
  async residentBytes(): Promise<number> {
    const each = await Promise.all(this.#replicas.map(({ pid }) => residentBytes(pid)));
    return each.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** What the replicas have written so far. */
  log(): string {
    return this.#replicas.map((replica) => replica.log()).join('');
  }

  /** Ends it, and its registry. @throws AssertionError where a replica does not end as it should */
  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    const exitCodes = await Promise.all(this.#replicas.map((replica) => replica.stop()));
    await this.#place.release();
    assert.ok(
      exitCodes.every((code) => code === 0),
      `exit codes ${exitCodes}:\n${this.log()}`,
    );
  }

  /** Ends it whatever state it is in. */
  async destroy(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.#end('SIGKILL');
    await this.#place.release();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    for (const replica of this.#replicas) replica.kill(signal);
    await Promise.all(this.#replicas.map((replica) => replica.wait()));
  }

  #client(replicas: readonly Claimd[], options: ClientOptions): ClaimClient {
    const addresses = replicas.map(({ address }) => address);
    const client = new ClaimClient(addresses, options, (count) => this.#random.below(count));
    this.#clients.push(client);
    return client;
  }
}

/** Starts replicas side by side; where one can't start, none is left. */
async function startAll(place: Place, count: number, env: Env): Promise<Claimd[]> {
  const { dataFolder, env: placeEnv } = place;
  const options = { env: { ...env, ...placeEnv }, ...(dataFolder === undefined ? {} : { dataFolder }) };
  const started = await Promise.allSettled(Array.from({ length: count }, () => startClaimd(options)));
  const failed = started.find((result) => result.status === 'rejected');
  const running = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  if (failed === undefined) return running;
  for (const replica of running) replica.kill('SIGKILL');
  throw failed.reason;
}

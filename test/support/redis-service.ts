/** Replicas of claimd over one Redis as a service under test. */
import { randomInt } from 'node:crypto';
import { SeededRandom } from '../registry/seeded-random.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { type Env, Service, type Target } from './service.ts';

/** Services of one file, each with a database of its own. */
const DATABASES = 64;

/** SPREAD_SEED repeats a run as far as the processes' own timing lets it. */
const SEED = Number(process.env['SPREAD_SEED'] ?? randomInt(2 ** 31));

export class RedisTarget implements Target {
  readonly name: string;
  readonly replicas: number;
  readonly #random = new SeededRandom(SEED);
  #redis: RedisServer | undefined;
  #services = 0;

  constructor(replicas: number) {
    const spread = `${replicas} replicas on Redis, calls spread by SPREAD_SEED=${SEED}`;
    this.name = replicas === 1 ? 'one claimd on Redis' : spread;
    this.replicas = replicas;
  }

  async open(): Promise<void> {
    this.#redis = await startRedis({ args: ['--databases', `${DATABASES}`] });
  }

  async close(): Promise<void> {
    await this.#redis?.stop();
  }

  /** The server that the services of this target share. */
  get redis(): RedisServer {
    if (this.#redis === undefined) throw new Error('the target is not open');
    return this.#redis;
  }

  async start(env: Env = {}): Promise<Service> {
    const store = { CLAIMS_STORE: `${this.redis.url}/${this.#services++}` };
    const release = async (): Promise<void> => undefined;
    return Service.start({ env: store, release }, this.replicas, env, this.#random);
  }
}

/** Sources and targets of claimctl import for tests: databases of a real Redis, and runs between them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Redis } from 'ioredis';
import type { ExitCode } from '../../../src/claimctl/exit-codes.ts';
import { systemClock } from '../../../src/clock/clock.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { CapturedIo } from '../captured-io.ts';

export const LENGTH_MS = 10_000;
export const WINDOW_MS = 60_000;
/** What a registry is made with where there is none. */
export const MADE_WITH = [
  ...['--epoch-length-ms', `${LENGTH_MS}`, '--validation-window-ms', `${WINDOW_MS}`],
  ...['--retention-epochs', '60', '--partition', 'claim', '--registry-shards', '16'],
];
const STATUSES = ['PENDING', 'VALIDATED', 'EXPIRED'];
/** Longer than the window, so that what was pending then is overdue. */
const EARLIER_MS = 120_000;

/** A source and a target of the test's own: databases of one server. */
export class Places {
  static #server: RedisServer | undefined;
  static #databases = 0;
  readonly from: string;
  readonly to: string;
  readonly source: Redis;
  readonly target: Redis;

  private constructor(urls: readonly [string, string], clients: readonly [Redis, Redis]) {
    [this.from, this.to] = urls;
    [this.source, this.target] = clients;
  }

  /** Starts the server: before a file's tests. */
  static async open(): Promise<void> {
    Places.#server = await startRedis({ args: ['--databases', '64'] });
  }

  static async close(): Promise<void> {
    await Places.#server?.stop();
  }

  static get server(): RedisServer {
    if (Places.#server === undefined) throw new Error('the places are not open');
    return Places.#server;
  }

  static async make(): Promise<Places> {
    const { server } = Places;
    const numbers = [Places.#databases++, Places.#databases++] as const;
    const clients = [server.client(), server.client()] as const;
    await Promise.all(clients.map((client, n) => client.select(numbers[n])));
    return new Places([`${server.url}/${numbers[0]}`, `${server.url}/${numbers[1]}`], clients);
  }

  /** The values of every claim in the target, by claim. */
  async imported(): Promise<Record<string, string>> {
    const hashes = await this.target.keys('claim_registry*');
    const registries = hashes.filter((key) => !key.endsWith('_settings'));
    return Object.assign({}, ...(await Promise.all(registries.map((key) => this.target.hgetall(key)))));
  }
}

export interface Ran {
  readonly exitCode: ExitCode;
  readonly io: CapturedIo;
  readonly summary: Summary;
}

export interface Summary {
  readonly [count: string]: unknown;
  readonly skipped: Readonly<Record<string, number>>;
}

export async function run(
  { from, to }: Pick<Places, 'from' | 'to'>,
  args: readonly string[],
  io = new CapturedIo(),
): Promise<Ran> {
  const exitCode = await io.run('import', '--json', '--from', from, '--store', to, ...args);
  return { exitCode, io, summary: io.json()[0] as unknown as Summary };
}

/** As the predecessor wrote it: every third of each status, `count` of them, made earlier or now. */
export async function seed(source: Redis, count: number): Promise<Map<string, string>> {
  const nowMs = systemClock.nowMs();
  const claims = new Map<string, string>();
  for (let n = 0; n < count; n += 1) {
    const status = STATUSES[n % 3];
    const timestamp = status === 'PENDING' && n % 2 === 0 ? nowMs : nowMs - EARLIER_MS;
    claims.set(`claim-${n}`, JSON.stringify({ playerId: `player-${n % 7}`, timestamp, status }));
  }
  for (const page of pages([...claims])) await source.hset('claim_registry', new Map(page));
  return claims;
}

function* pages<T>(all: readonly T[]): Generator<T[]> {
  for (let at = 0; at < all.length; at += 1_000) yield all.slice(at, at + 1_000);
}

export function temporaryFolder(t: TestContext): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'claimctl-import-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return (name) => join(folder, name);
}

/** Something happens whenever the clock is asked, which is a few times for each page. */
export class EventfulIo extends CapturedIo {
  override readonly clock = {
    ...systemClock,
    nowMs: (): number => {
      this.#asked += 1;
      this.#onAsked(this.#asked);
      return systemClock.nowMs();
    },
  };
  readonly #onAsked: (times: number) => void;
  #asked = 0;

  constructor(onAsked: (times: number) => void) {
    super();
    this.#onAsked = onAsked;
  }
}

/** Interrupts itself when the clock has been asked so often: somewhere among the pages. */
export function interruptedAt(times: number): CapturedIo {
  const io: EventfulIo = new EventfulIo((asked) => {
    if (asked === times) io.interruption.abort();
  });
  return io;
}

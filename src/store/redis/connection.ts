/**
 * A connection whose calls end: each is tried until it succeeds, is refused or its deadline is over,
 * on one client after another. A client that fails, or does not answer in time, is given up; a new
 * one is made when a call next needs it. So a call here may be sent more than once.
 */
import type { Clock } from '../../clock/clock.ts';
import { ClaimsError, StoreUnavailable } from '../../domain/errors.ts';
import { type ClientOptions, makeClient } from './clients.ts';
import { Deadline } from './deadline.ts';
import { failureKind, isFault, isReply, wordsOf } from './errors.ts';
import type { RedisStoreEvents } from './options.ts';
import type { RedisClient } from './scripts.ts';

export interface ConnectionOptions extends ClientOptions {
  /** Tells connections apart in CLIENT LIST. */
  readonly name: string;
  readonly clock: Clock;
  /** Done with every new client before it is used; what it throws fails the call that waits. */
  readonly prepare?: (client: RedisClient) => Promise<void>;
  readonly told?: RedisStoreEvents['connection'];
}

/** Pauses between tries, milliseconds: doubled from the first to the last. */
const FIRST_PAUSE_MS = 5;
const LAST_PAUSE_MS = 100;

const LATE = Symbol('late');
const NO_CONNECTION = 'no connection in time';
const NO_ANSWER = 'no answer in time';

/** Why a try came to nothing. */
interface Failure {
  readonly reason: string;
  /** Whether that is only that its time was over. */
  readonly isLate: boolean;
}

export class RedisConnection {
  readonly #options: ConnectionOptions;
  /** How long one try may take: half the time of a call, so that there is a second one. */
  readonly #tryMs: number;
  /** Ready for calls. */
  #live: RedisClient | undefined;
  #connecting: Promise<RedisClient> | undefined;
  #closed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#tryMs = options.timeoutMs / 2;
  }

  /**
   * What `work` comes to on a ready client.
   * @throws StoreUnavailable once the deadline is over or Redis has refused; what prepare throws.
   */
  async run<T>(deadline: Deadline, work: (client: RedisClient) => Promise<T>): Promise<T> {
    let reason: string | undefined;
    for (let pauseMs = FIRST_PAUSE_MS; !deadline.isOver; pauseMs = Math.min(2 * pauseMs, LAST_PAUSE_MS)) {
      if (this.#closed) throw new StoreUnavailable('the store is closed');
      const tried = await this.#try(deadline, work);
      if ('result' in tried) return tried.result;
      // That time ran out says less than what failed before.
      if (!tried.isLate || reason === undefined) reason = tried.reason;
      await deadline.pause(pauseMs);
    }
    throw this.#unavailable(reason ?? 'the time was over before it began');
  }

  /** Gives the present client up, if there is one: the next call makes a new one. */
  renew(reason: string): void {
    if (this.#live !== undefined) this.#lose(this.#live, reason);
  }

  close(): void {
    this.#closed = true;
    this.#live?.disconnect();
    this.#live = undefined;
  }

  async #try<T>(
    deadline: Deadline,
    work: (client: RedisClient) => Promise<T>,
  ): Promise<{ result: T } | Failure> {
    let live: RedisClient | undefined;
    try {
      const ready = this.#live ?? (await deadline.within(this.#tryMs, this.#ready(), LATE));
      if (ready === LATE) return { reason: NO_CONNECTION, isLate: true };
      live = ready;
      // A call that comes late itself leaves its client too little time to be judged by.
      const isWholeTry = deadline.leftMs >= this.#tryMs;
      const result = await deadline.within(this.#tryMs, work(live), LATE);
      if (result !== LATE) return { result };
      if (isWholeTry) this.#lose(live, NO_ANSWER);
      return { reason: NO_ANSWER, isLate: true };
    } catch (error) {
      if (error instanceof ClaimsError || isFault(error)) throw error;
      const kind = failureKind(error);
      if (kind === 'refused') throw this.#unavailable(wordsOf(error));
      if (kind === 'reconnect' && live !== undefined) this.#lose(live, wordsOf(error));
      return { reason: wordsOf(error), isLate: false };
    }
  }

  #unavailable(reason: string): StoreUnavailable {
    return new StoreUnavailable(`${this.#options.location.text}: ${reason}`);
  }

  /** The next client, for all who wait for one. */
  #ready(): Promise<RedisClient> {
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #connect(): Promise<RedisClient> {
    const client = makeClient(this.#options, this.#options.name);
    let cause: unknown;
    client.on('error', (error) => {
      cause = error;
    });
    client.on('end', () => this.#lose(client, cause === undefined ? 'connection closed' : wordsOf(cause)));
    try {
      const deadline = new Deadline(this.#options.clock, this.#tryMs);
      if ((await deadline.within(this.#tryMs, client.connect(), LATE)) === LATE) {
        throw new Error(NO_CONNECTION);
      }
      // A database that Redis does not have is told, and not selected: what follows would go to another.
      if (isReply(cause)) throw cause;
      if ((await deadline.within(this.#tryMs, this.#prepare(client), LATE)) === LATE) {
        throw new Error(NO_ANSWER);
      }
    } catch (error) {
      client.disconnect();
      // The client says "closed" of a connection that failed; the cause came before.
      throw error instanceof ClaimsError ? error : (cause ?? error);
    }
    return this.#install(client);
  }

  async #prepare(client: RedisClient): Promise<void> {
    await this.#options.prepare?.(client);
  }

  #install(client: RedisClient): RedisClient {
    if (this.#closed) {
      client.disconnect();
      throw new StoreUnavailable('the store is closed');
    }
    this.#live = client;
    this.#options.told?.('connected', this.#options.location.text);
    return client;
  }

  /** Gives a client up; told once for each that was in use. */
  #lose(client: RedisClient, reason: string): void {
    if (this.#live !== client) return;
    this.#live = undefined;
    client.disconnect();
    this.#options.told?.('lost', reason);
  }
}

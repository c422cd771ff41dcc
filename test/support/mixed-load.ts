/**
 * A bounded load of every kind of call on one claimd: single calls, batches, streams of two frames,
 * summaries of epochs. Each claim is submitted and, but for a part, validated.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ClaimClient, Item } from './client.ts';

/** Rounds at most, so that a test that waits in vain ends; about a minute. */
const ROUNDS_MAX = 1_000;
const PAUSE_MS = 40;
const SINGLE_CALLS = 20;
const BATCH_ITEMS = 100;
const FRAME_ITEMS = 20;

export class MixedLoad {
  readonly #client: ClaimClient;
  readonly #ended: Promise<void>;
  #round = 0;
  #stopped = false;

  /** Begins at once. */
  constructor(client: ClaimClient) {
    this.#client = client;
    this.#ended = this.#run();
    // Told by `stop`.
    this.#ended.catch(() => undefined);
  }

  /** @throws ServiceError where a call failed */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#stopped && this.#round < ROUNDS_MAX) {
      await Promise.all([this.#single(), this.#batches(), this.#frames()]);
      this.#round += 1;
      await delay(PAUSE_MS);
    }
  }

  async #single(): Promise<void> {
    const items = this.#items('single', SINGLE_CALLS);
    await Promise.all(items.map((item) => this.#client.submit(item)));
    const [unvalidated, ...others] = items;
    await Promise.all([
      this.#client.get(unvalidated.claimId),
      this.#client.getEpoch(),
      ...others.map((item) => this.#client.validate(item)),
    ]);
  }

  async #batches(): Promise<void> {
    const items = this.#items('batch', BATCH_ITEMS);
    await this.#client.batchSubmit(items);
    await this.#client.batchValidate(items.slice(1));
  }

  async #frames(): Promise<void> {
    const items = this.#items('frame', FRAME_ITEMS);
    const stream = this.#client.exchange();
    await stream.ask({ frameId: 1n, submits: items });
    await stream.ask({ frameId: 2n, validates: items });
    stream.halfClose();
  }

  #items(kind: string, count: number): Item[] {
    return Array.from({ length: count }, (_, i) => ({
      claimId: `${kind}-${this.#round}-${i}`,
      playerId: `player-${i}`,
    }));
  }
}

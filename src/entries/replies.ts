/** Requests to another thread that wait for their replies, by number; each is settled once. */
import { assert } from '../domain/assert.ts';

export class Replies<T> {
  readonly #pending = new Map<number, PromiseWithResolvers<T>>();
  #lastId = 0;

  /** A number for a request, and the promise of its reply. */
  expect(): { readonly id: number; readonly reply: Promise<T> } {
    this.#lastId += 1;
    const pending = Promise.withResolvers<T>();
    this.#pending.set(this.#lastId, pending);
    return { id: this.#lastId, reply: pending.promise };
  }

  resolve(id: number, value: T): void {
    this.#take(id).resolve(value);
  }

  reject(id: number, error: Error): void {
    this.#take(id).reject(error);
  }

  /** Who was asked is gone: nothing that waits will be answered any more. */
  rejectAll(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  /** Resolves when what waits now has been answered, one way or another. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#pending.values()].map(({ promise }) => promise));
  }

  #take(id: number): PromiseWithResolvers<T> {
    const pending = this.#pending.get(id);
    assert(pending !== undefined, `${id} was answered, which nobody asked`);
    this.#pending.delete(id);
    return pending;
  }
}

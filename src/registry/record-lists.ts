/**
 * Doubly linked lists of records in shared memory, each with a sentinel node, so that a record
 * leaves whichever list it is in without knowing which. A record in no list is linked to itself.
 */
export class RecordLists {
  readonly #next: Int32Array;
  readonly #prev: Int32Array;

  constructor(next: Int32Array, prev: Int32Array) {
    this.#next = next;
    this.#prev = prev;
  }

  /** Makes the node a list (or, a record, a member of none) without looking at its neighbours. */
  init(node: number): void {
    this.#next[node] = node;
    this.#prev[node] = node;
  }

  isEmpty(list: number): boolean {
    return this.#next[list] === list;
  }

  /** The list's oldest record; the list itself where it is empty. */
  first(list: number): number {
    return this.#next[list];
  }

  append(list: number, record: number): void {
    const last = this.#prev[list];
    this.#next[last] = record;
    this.#prev[record] = last;
    this.#next[record] = list;
    this.#prev[list] = record;
  }

  remove(record: number): void {
    const next = this.#next[record];
    const prev = this.#prev[record];
    this.#next[prev] = next;
    this.#prev[next] = prev;
    this.init(record);
  }

  /** Moves all of `from` behind `to`'s last, in constant time. */
  appendAll(to: number, from: number): void {
    if (this.isEmpty(from)) return;
    const first = this.#next[from];
    const last = this.#prev[from];
    const end = this.#prev[to];
    this.#next[end] = first;
    this.#prev[first] = end;
    this.#next[last] = to;
    this.#prev[to] = last;
    this.init(from);
  }
}

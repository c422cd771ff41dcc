/** An impossible state: a fault of this program, never of its input. */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';
}

/** Throws where the program contradicts itself; bad input is a typed error instead (domain/errors). */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

/** Marks a `switch` as exhaustive: compiles only where every case is handled. */
export function unreachable(value: never): never {
  throw new AssertionFailure(`unreachable: ${String(value)}`);
}

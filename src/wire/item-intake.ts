/**
 * Takes items in: from their bytes to entries ready to dispatch, or to the reason why not. The
 * same for a single call, a batch and a frame.
 */
import type { Clock } from '../clock/clock.ts';
import { ClaimOperation } from '../domain/claim.ts';
import { maxTimestampMs } from '../domain/epochs.ts';
import type { Ingress } from '../ingress/ingress.ts';
import { describeProblem, describeSkew } from './reasons.ts';
import { ITEM_OK, type ItemProblem, RequestDecoder } from './request-codec.ts';

/** What calls ask for; expiry is the engine's own. */
export type CallOperation = Exclude<ClaimOperation, typeof ClaimOperation.EXPIRE>;

export class ItemIntake {
  readonly #ingress: Ingress;
  readonly #decoder: RequestDecoder;
  readonly #clock: Clock;
  readonly #maxClockSkewMs: number;
  readonly #maxTimestampMs: number;
  readonly #getNeedsPlayer: boolean;
  /** Server time, read once for each message. */
  readonly #nowMs = new Float64Array(1);

  constructor(ingress: Ingress, clock: Clock, maxClockSkewMs: number) {
    this.#ingress = ingress;
    this.#decoder = new RequestDecoder(ingress.entries);
    this.#clock = clock;
    this.#maxClockSkewMs = maxClockSkewMs;
    this.#maxTimestampMs = maxTimestampMs(ingress.rules);
    this.#getNeedsPlayer = ingress.partition === 'player';
  }

  /** Takes the time for the items of a message that has come. */
  readClock(): void {
    this.#nowMs[0] = this.#clock.nowMs();
  }

  /**
   * Decodes the item at start … end into a free entry.
   * @returns why it is malformed, or undefined where the entry can be dispatched.
   * @throws InvalidArgument where the bytes are no protobuf message.
   */
  decode(
    operation: CallOperation,
    message: DataView,
    start: number,
    end: number,
    entry: number,
  ): string | undefined {
    const problem = this.#decodeFields(operation, message, start, end, entry);
    if (problem !== ITEM_OK) return describeProblem(problem, message, start, end);
    return operation === ClaimOperation.SUBMIT ? this.#timestampProblem(entry) : undefined;
  }

  #decodeFields(
    operation: CallOperation,
    message: DataView,
    start: number,
    end: number,
    entry: number,
  ): ItemProblem {
    if (operation === ClaimOperation.SUBMIT) return this.#decoder.submit(message, start, end, entry);
    if (operation === ClaimOperation.VALIDATE) return this.#decoder.validate(message, start, end, entry);
    return this.#decoder.get(message, start, end, this.#getNeedsPlayer, entry);
  }

  /** Server time where the client gave none; otherwise within the skew of server time. */
  #timestampProblem(entry: number): string | undefined {
    const { timestampMs } = this.#ingress.entries;
    const nowMs = this.#nowMs[0];
    const given = timestampMs[entry];
    if (Number.isNaN(given)) {
      timestampMs[entry] = nowMs;
      return undefined;
    }
    const within = Math.abs(given - nowMs) <= this.#maxClockSkewMs && given <= this.#maxTimestampMs;
    return within ? undefined : describeSkew(given, nowMs, this.#maxClockSkewMs);
  }
}

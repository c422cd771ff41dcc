/**
 * The errors that cross a boundary of this program. Each has a stable code, listed in
 * docs/errors.md; a test holds the two equal in both directions.
 */

export abstract class ClaimsError extends Error {
  abstract readonly code: string;
}

/** Input outside what is allowed: names the field, the value and what is allowed. */
export class InvalidArgument extends ClaimsError {
  override readonly name = 'InvalidArgument';
  readonly code = 'INVALID_ARGUMENT';
  readonly field: string;
  readonly value: string;
  readonly allowed: string;
  constructor(field: string, value: string, allowed: string) {
    super(`${field}: ${value} is not allowed; allowed: ${allowed}`);
    this.field = field;
    this.value = value;
    this.allowed = allowed;
  }
}

/** A bounded table is full: nothing was done, the call may be sent again after a while. */
export class ResourceExhausted extends ClaimsError {
  override readonly name = 'ResourceExhausted';
  readonly code = 'RESOURCE_EXHAUSTED';
}

/** An epoch outside those that can be told: not complete yet, or no longer kept. */
export class EpochOutOfRange extends ClaimsError {
  override readonly name = 'EpochOutOfRange';
  readonly code = 'EPOCH_OUT_OF_RANGE';
}

/** The store did not confirm. Whether it did the work is unknown; every operation may be sent again. */
export class StoreUnavailable extends ClaimsError {
  override readonly name = 'StoreUnavailable';
  readonly code = 'STORE_UNAVAILABLE';
}

/** The epoch asked for is further ahead of the store's own clock than max_clock_skew_ms allows. */
export class ClockAhead extends ClaimsError {
  override readonly name = 'ClockAhead';
  readonly code = 'CLOCK_AHEAD';
}

/** The store holds a registry that these settings or this version can't serve. Nothing was touched. */
export class RegistryMismatch extends ClaimsError {
  override readonly name = 'RegistryMismatch';
  readonly code = 'REGISTRY_MISMATCH';
}

/** A port that can't be listened on: in use, not ours to use, or no such address. */
export class AddressNotAvailable extends ClaimsError {
  override readonly name = 'AddressNotAvailable';
  readonly code = 'ADDRESS_NOT_AVAILABLE';
}

/** The store can't be opened: no such folder, not writable, not a registry. */
export class StoreNotUsable extends ClaimsError {
  override readonly name = 'StoreNotUsable';
  readonly code = 'STORE_NOT_USABLE';
}

/**
 * The words of the contract: what can be asked of a claim, what it can be, and what can come of
 * asking. The numbers are those of proto/claims/v1/claims.proto, so that a column of shared
 * memory holds what the wire carries.
 */

/** What can be asked of a store about one claim. */
export const ClaimOperation = { SUBMIT: 1, VALIDATE: 2, GET: 3, EXPIRE: 4 } as const;
export type ClaimOperation = (typeof ClaimOperation)[keyof typeof ClaimOperation];

export const ClaimStatus = { UNSPECIFIED: 0, PENDING: 1, VALIDATED: 2, EXPIRED: 3 } as const;
export type ClaimStatus = (typeof ClaimStatus)[keyof typeof ClaimStatus];

export const Outcome = {
  UNSPECIFIED: 0,
  ACCEPTED: 1,
  REPLAYED: 2,
  TAKEN: 3,
  EXPIRED: 4,
  NOT_FOUND: 5,
  INVALID: 6,
  UNAVAILABLE: 7,
  FOUND: 8,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

/** Why an item is UNAVAILABLE; each is safe to retry. The texts are in wire/reasons. */
export const UnavailableReason = {
  NONE: 0,
  STORE_FAILED: 1,
  SEGMENT_FULL: 2,
  WORKER_LOST: 3,
  CLOCK_AHEAD: 4,
} as const;
export type UnavailableReason = (typeof UnavailableReason)[keyof typeof UnavailableReason];

/** How identity is made: a claim id exists once, or once for each player. A setting of the registry. */
export const PARTITION_MODES = ['claim', 'player'] as const;
export type PartitionMode = (typeof PARTITION_MODES)[number];

/** Ids are this many bytes of UTF-8 at most (DESIGN § 2). */
export const ID_MAX_BYTES = 64;

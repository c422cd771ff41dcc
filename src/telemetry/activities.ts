/**
 * What the engine does beside calls and may delay them with: epoch boundaries, hydration,
 * reconciliation. Each is begun and ended by who does it, and becomes a span where traces are told.
 */

export const ACTIVITY_KINDS = ['epoch', 'hydration', 'reconciliation'] as const;
export type ActivityKind = (typeof ACTIVITY_KINDS)[number];
export type ActivityAttributes = Readonly<Record<string, string | number | boolean>>;

export interface Activity {
  /** @param error why it failed, where it did. */
  end(attributes: ActivityAttributes, error?: string): void;
}

export interface Activities {
  begin(kind: ActivityKind): Activity;
}

const IGNORED: Activity = { end: () => undefined };

/** Where nobody is told. */
export const NO_ACTIVITIES: Activities = { begin: () => IGNORED };

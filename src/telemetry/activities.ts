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

/**
 * Runs something as an activity, which ends with it, whether it succeeds or fails.
 * @param attributes asked for at its end.
 */
export async function during<T>(
  activities: Activities,
  kind: ActivityKind,
  run: () => Promise<T>,
  attributes: () => ActivityAttributes,
): Promise<T> {
  const activity = activities.begin(kind);
  try {
    const result = await run();
    activity.end(attributes());
    return result;
  } catch (error) {
    activity.end(attributes(), error instanceof Error ? error.message : String(error));
    throw error;
  }
}

const IGNORED: Activity = { end: () => undefined };

/** Where nobody is told. */
export const NO_ACTIVITIES: Activities = { begin: () => IGNORED };

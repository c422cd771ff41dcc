/** The activities of which spans were told last, for calls to be linked to those that they overlapped. */
import type { SpanContext } from '@opentelemetry/api';
import type { ActivityKind } from '../activities.ts';

/** Times are of Clock.monotonicUs. */
export interface RecentActivity {
  readonly kind: ActivityKind;
  readonly context: SpanContext;
  readonly beganUs: number;
  /** Infinity while it is under way. */
  endedUs: number;
}

export class RecentActivities {
  readonly #most: number;
  /** In the order of their begins. */
  readonly #activities: RecentActivity[] = [];

  /** @param most kept: the oldest that have ended are forgotten first. */
  constructor(most: number) {
    this.#most = most;
  }

  add(activity: RecentActivity): void {
    this.#activities.push(activity);
    if (this.#activities.length <= this.#most) return;
    const ended = this.#activities.findIndex(({ endedUs }) => Number.isFinite(endedUs));
    this.#activities.splice(Math.max(ended, 0), 1);
  }

  overlapping(fromUs: number, toUs: number): RecentActivity[] {
    return this.#activities.filter(({ beganUs, endedUs }) => beganUs < toUs && endedUs > fromUs);
  }
}

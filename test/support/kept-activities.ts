/** Activities that a test reads. */
import type {
  Activities,
  Activity,
  ActivityAttributes,
  ActivityKind,
} from '../../src/telemetry/activities.ts';

export interface KeptActivity {
  readonly kind: ActivityKind;
  /** Undefined while it is under way. */
  attributes: ActivityAttributes | undefined;
  error: string | undefined;
}

export class KeptActivities implements Activities {
  /** In the order of their begins. */
  readonly all: KeptActivity[] = [];

  begin(kind: ActivityKind): Activity {
    const kept: KeptActivity = { kind, attributes: undefined, error: undefined };
    this.all.push(kept);
    return {
      end: (attributes, error) => {
        if (kept.attributes !== undefined) throw new Error(`${kind} ended twice`);
        kept.attributes = attributes;
        kept.error = error;
      },
    };
  }

  of(kind: ActivityKind): KeptActivity[] {
    return this.all.filter((activity) => activity.kind === kind);
  }
}

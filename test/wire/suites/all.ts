/** Every suite of the wire, and what does not run on every kind of service, with the reason. */
import type { Target } from '../../support/service.ts';
import { SQLITE } from '../../support/sqlite-service.ts';
import { badInput } from './bad-input.ts';
import { batches } from './batch.ts';
import { counts } from './counts.ts';
import { doneWhen } from './done-when.ts';
import { epochs } from './epochs.ts';
import { exchanges } from './exchange.ts';
import { framing } from './framing.ts';
import { fullTable } from './full-table.ts';
import { garbage } from './garbage.ts';
import { outcomes } from './outcomes.ts';
import { playerMode } from './player-mode.ts';
import { races } from './race.ts';
import { restarts } from './restart.ts';
import { describeWire, type WireSuite } from './suite.ts';

/** In the order in which they run: neighbours with the same settings share a service. */
export const WIRE_SUITES: readonly WireSuite[] = [
  batches,
  exchanges,
  badInput,
  races,
  framing,
  garbage,
  outcomes,
  counts,
  epochs,
  playerMode,
  restarts,
  doneWhen,
  fullTable,
];

/** Suites that do not run on every kind of service. */
export const LEFT_OUT: readonly {
  readonly suite: WireSuite;
  readonly from: (target: Target) => boolean;
  readonly reason: string;
}[] = [
  {
    suite: fullTable,
    from: ({ replicas }) => replicas > 1,
    reason: 'what a table holds is one process’s affair: where one refuses a claim another has room',
  },
  {
    suite: restarts,
    from: (target) => target.replicas !== 2 && target !== SQLITE,
    reason: 'all are away at once, however many there are: on Redis two say as much as one or three',
  },
  {
    suite: doneWhen,
    from: ({ replicas }) => replicas > 1,
    reason: 'it is long, and batches one after another are the same wherever each is sent',
  },
];

/** Test files of the wire that run on one claimd on SQLite alone: test/wire/<name>.test.ts. */
export const ON_ONE_CLAIMD: Readonly<Record<string, string>> = {
  admin: 'the admin port tells of its own process',
  crash: 'what SQLite keeps when its process is killed',
  'disk-full': 'the disk is that of the database’s file',
  drain: 'the end of one process and of its connections',
  health: 'health and reflection are answered above the store',
  'ingress-threads': 'how one process shares its connections out',
  metrics: 'what one process counts, above the store',
  'metrics-otlp': 'what one process sends of its metrics, above the store',
  'slow-reader': 'what one process holds for clients that do not read, above the store',
  'stalled-readers': 'what one process holds for connections that do not read, above the store',
  startup: 'settings, ports and what may be wrong with a database’s file',
  'traces-export': 'what one process sends of its traces, above the store',
  'two-servers': 'two processes on one database’s file',
};

/** Declares every suite that runs on this kind of service. */
export function describeWholeWire(target: Target): void {
  const isLeftOut = (suite: WireSuite): boolean =>
    LEFT_OUT.some((left) => left.suite === suite && left.from(target));
  describeWire(
    target,
    WIRE_SUITES.filter((suite) => !isLeftOut(suite)),
  );
}

/** Every suite of the wire, and what does not run on every kind of service, with the reason. */
import type { Target } from '../../support/service.ts';
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
  epochs,
  counts,
  playerMode,
  restarts,
  doneWhen,
  fullTable,
];

/** Suites that do not run on several replicas. */
export const NOT_ON_REPLICAS: ReadonlyMap<WireSuite, string> = new Map([
  [fullTable, 'what a table holds is one process’s affair: where one refuses a claim another has room'],
]);

/** Test files of the wire that run on one claimd on SQLite alone: test/wire/<name>.test.ts. */
export const ON_ONE_CLAIMD: Readonly<Record<string, string>> = {
  admin: 'the admin port tells of its own process',
  crash: 'what SQLite keeps when its process is killed',
  'disk-full': 'the disk is that of the database’s file',
  drain: 'the end of one process and of its connections',
  health: 'health and reflection are answered above the store',
  'slow-reader': 'what one process holds for clients that do not read, above the store',
  startup: 'settings, ports and what may be wrong with a database’s file',
  'two-servers': 'two processes on one database’s file',
};

/** Declares every suite that runs on this kind of service. */
export function describeWholeWire(target: Target): void {
  const runs = (suite: WireSuite): boolean => target.replicas === 1 || !NOT_ON_REPLICAS.has(suite);
  describeWire(target, WIRE_SUITES.filter(runs));
}

/**
 * Suites of the wire: tests of what the service says and does, whatever stands behind it. Each is
 * declared once and run on every kind of service (support/service).
 */
import { after, before, describe } from 'node:test';
import type { Env, Service, Target } from '../../support/service.ts';

/** A suite whose tests share one service. */
export interface SharingSuite {
  readonly name: string;
  /**
   * Settings of that service. Suites that stand one after the other with the same settings share it
   * as well: their claims have names of their own.
   */
  readonly env: Env;
  /** Most of its time it waits for epochs to pass: it runs beside others of the kind. */
  readonly isWaiting?: true;
  /** Declares the tests, which may also start services of their own. */
  readonly declare: (service: () => Service, target: Target) => void;
}

/** A suite whose tests each start a service of their own. */
export interface StartingSuite {
  readonly name: string;
  readonly declare: (target: Target) => void;
}

export type WireSuite = SharingSuite | StartingSuite;

/** No claim ends by itself while a suite runs, and the table has room for all of them. */
export const LASTING: Env = { CLAIMS_VALIDATION_WINDOW_MS: '600000', CLAIMS_TABLE_CAPACITY: '1048576' };

/** Epochs so short that many pass while a suite runs, of claims that are its own: what they count is checked. */
export const LENGTH_MS = 300;
export const WINDOW_MS = 450;
export const SKEW_MS = 2_000;
export const COUNTED: Env = {
  CLAIMS_EPOCH_LENGTH_MS: `${LENGTH_MS}`,
  CLAIMS_VALIDATION_WINDOW_MS: `${WINDOW_MS}`,
  CLAIMS_MAX_CLOCK_SKEW_MS: `${SKEW_MS}`,
};

/** Declares suites on one kind of service. */
export function describeWire(target: Target, suites: readonly WireSuite[]): void {
  describe(target.name, () => {
    before(() => target.open());
    after(() => target.close());
    const groups = bySettings(suites);
    for (const group of groups.filter((each) => !isWaiting(each[0]))) describeGroup(target, group);
    describe('suites that wait', { concurrency: true }, () => {
      for (const group of groups.filter((each) => isWaiting(each[0]))) describeGroup(target, group);
    });
  });
}

function describeGroup(target: Target, group: readonly WireSuite[]): void {
  const [first] = group;
  if ('env' in first) describeSharing(target, first.env, group.filter(isSharing));
  else describe(first.name, () => first.declare(target));
}

function isWaiting(suite: WireSuite): boolean {
  return 'env' in suite && suite.isWaiting === true;
}

function describeSharing(target: Target, env: Env, suites: readonly SharingSuite[]): void {
  const name = suites.map((suite) => suite.name).join(', ');
  describe(name, { concurrency: false }, () => {
    let service: Service | undefined;
    const running = (): Service => {
      if (service === undefined) throw new Error('the service was not started');
      return service;
    };
    before(async () => {
      service = await target.start(env);
    });
    after(async () => {
      await service?.stop();
    });
    for (const suite of suites) describe(suite.name, () => suite.declare(running, target));
  });
}

function isSharing(suite: WireSuite): suite is SharingSuite {
  return 'env' in suite;
}

/** Neighbours with the same settings together. */
function bySettings(suites: readonly WireSuite[]): WireSuite[][] {
  const groups: WireSuite[][] = [];
  for (const suite of suites) {
    const last = groups.at(-1);
    const shares = last !== undefined && isSharing(suite) && isSharing(last[0]) && last[0].env === suite.env;
    if (shares) last.push(suite);
    else groups.push([suite]);
  }
  return groups;
}

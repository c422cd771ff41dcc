/**
 * Paired measurements: two servers under the same load, alternately, so that what changes on the
 * machine meanwhile falls on both.
 */
import { type LoadSpec, type Measurement, measureFresh } from './measure.ts';
import type { ServerSpec } from './servers.ts';
import { ratioSpread, type Spread, spread } from './statistics.ts';

export interface PairedRounds {
  /** One measurement a round, in order. */
  readonly floor: readonly Measurement[];
  readonly subject: readonly Measurement[];
}

/** Runs `rounds` rounds; every second one measures the subject first. */
export async function measurePaired<S>(
  floor: S,
  subject: S,
  rounds: number,
  measureOne: (server: S) => Promise<Measurement>,
): Promise<PairedRounds> {
  const results = { floor: [] as Measurement[], subject: [] as Measurement[] };
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) results.floor.push(await measureOne(floor));
    results.subject.push(await measureOne(subject));
    if (round % 2 === 1) results.floor.push(await measureOne(floor));
  }
  return results;
}

/** Measures a fresh server under one load. */
export function underLoad(load: LoadSpec): (server: ServerSpec) => Promise<Measurement> {
  return (server) => measureFresh(server, load);
}

export interface Comparison {
  readonly floor: Spread;
  readonly subject: Spread;
  /** Subject against floor. */
  readonly ratio: Spread;
}

/** Compares one figure of the measurements. */
export function compare(rounds: PairedRounds, figure: (measurement: Measurement) => number): Comparison {
  const floor = rounds.floor.map(figure);
  const subject = rounds.subject.map(figure);
  return { floor: spread(floor), subject: spread(subject), ratio: ratioSpread(subject, floor) };
}

/** Summaries of epochs that are to be the same whichever replica tells them. */
import type { ClaimClient } from './client.ts';
import type { EpochSummary } from './messages.ts';

/** Those of `from` to `to`, but for the durations, which are each replica's own. */
export async function summaries(
  client: ClaimClient,
  from: number,
  to: number,
): Promise<Omit<EpochSummary, 'durationUs'>[]> {
  const told = [];
  for await (const { durationUs: _own, ...summary } of client.watch(from)) {
    told.push(summary);
    if (summary.epoch >= to) break;
  }
  return told;
}

/**
 * claimd beside what a user would have instead: the design that it replaced, and Envoy's rate limit
 * service, with a bare echo as the floor. All are started once and measured in slices turn about.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isInstalled } from '../../scripts/tools.ts';
import type { BenchContext, BenchModule, BenchResult } from './bench-module.ts';
import { sideBySideResult } from './side-by-side-report.ts';
import { goOn, measureRounds } from './side-by-side-rounds.ts';
import { CONNECTIONS, LIVE_CLAIMS, MeasuredSubject, OUTSTANDING, RATE } from './side-by-side-slices.ts';
import { SUBJECT_NAMES, type SubjectName, startSubject } from './side-by-side-subjects.ts';

export const sideBySide: BenchModule = {
  name: 'side-by-side',
  title: `claimd, the design it replaced ("Interpreter Defaults": loadtest/baseline) and envoyproxy/ratelimit, in alternating slices of one run; ${CONNECTIONS} connections: ${OUTSTANDING} calls under way, and ${RATE} calls/s; ${LIVE_CLAIMS} claims live, an epoch boundary in each slice of ${RATE} calls/s`,
  byDefault: true,
  run,
};

/** All but those whose tool is not there. */
function installed({ say }: BenchContext): SubjectName[] {
  return SUBJECT_NAMES.filter((name) => {
    const missing = name.startsWith('ratelimit') && !isInstalled('ratelimit');
    if (missing) say(`${name} is left out: "npm run tools" installs it`);
    return !missing;
  });
}

async function run(context: BenchContext): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'side-by-side-'));
  const subjects: MeasuredSubject[] = [];
  try {
    // A slice holds one boundary, wherever it begins.
    const settings = { epochLengthMs: Math.round(context.seconds * 1_000), folder };
    for (const name of installed(context)) {
      subjects.push(new MeasuredSubject(await startSubject(name, settings), folder));
    }
    const rounds = await measureRounds(subjects, context);
    return sideBySideResult(new Map(subjects.map(({ subject }, i) => [subject.name, rounds[i]])));
  } finally {
    subjects.forEach(goOn);
    for (const { subject } of subjects) await subject.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

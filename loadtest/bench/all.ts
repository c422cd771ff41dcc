/** Every benchmark, in the order of the report. */
import { batch } from './batch.ts';
import type { BenchModule } from './bench-module.ts';
import { soak } from './soak.ts';
import { unaryCpu } from './unary-cpu.ts';

export const BENCHES: readonly BenchModule[] = [unaryCpu, batch, soak];

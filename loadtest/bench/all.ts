/** Every benchmark, in the order of the report. */
import { batch } from './batch.ts';
import type { BenchModule } from './bench-module.ts';
import { epochBoundary } from './epoch-boundary.ts';
import { memory } from './memory.ts';
import { redisBoundary } from './redis-boundary.ts';
import { redisCommit } from './redis-commit.ts';
import { redisHydration } from './redis-hydration.ts';
import { redisScan } from './redis-scan.ts';
import { registry } from './registry.ts';
import { sideBySide } from './side-by-side.ts';
import { stealing } from './stealing.ts';
import { stream } from './stream.ts';
import { telemetry } from './telemetry.ts';
import { redisUnary, redisUnaryAlways, redisUnaryThreads, unaryCpu } from './unary.ts';

export const BENCHES: readonly BenchModule[] = [
  registry,
  stealing,
  unaryCpu,
  batch,
  epochBoundary,
  redisCommit,
  stream,
  redisUnary,
  redisUnaryAlways,
  redisUnaryThreads,
  telemetry,
  redisBoundary,
  redisScan,
  redisHydration,
  memory,
  sideBySide,
];

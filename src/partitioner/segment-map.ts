/**
 * Which worker is home to which segment: contiguous, even shares. A worker serves its own segments
 * first and steals from others when it has nothing to do.
 */
import { assert } from '../domain/assert.ts';

export class SegmentMap {
  readonly segments: number;
  readonly workers: number;

  constructor(segments: number, workers: number) {
    assert(segments >= 1 && workers >= 1, `segments: ${segments}, workers: ${workers}`);
    this.segments = segments;
    this.workers = workers;
  }

  /** 0 … workers − 1. Exact: segments × workers is far below 2^53. */
  homeOf(segment: number): number {
    return Math.floor((segment * this.workers) / this.segments);
  }

  /** The first segment of a worker; its last is the one before the next worker's first. */
  firstOf(worker: number): number {
    return Math.ceil((worker * this.segments) / this.workers);
  }

  countOf(worker: number): number {
    return this.firstOf(worker + 1) - this.firstOf(worker);
  }
}

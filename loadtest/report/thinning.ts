/** Fewer points of a series for a chart, without losing what stands out of it. */
import { CHART_POINTS_MAX } from '../bench/bench-module.ts';

type Point = readonly [x: number, y: number];

/**
 * At most `most` points, in the order given: of each run of neighbours the one with the greatest y,
 * so that a peak stays where and as high as it was. All of them where there are few enough.
 */
export function thinned(points: readonly Point[], most = CHART_POINTS_MAX): Point[] {
  const kept = Math.min(points.length, most);
  return Array.from({ length: kept }, (_, i) => {
    const begin = Math.floor((i * points.length) / kept);
    const end = Math.floor(((i + 1) * points.length) / kept);
    return points.slice(begin, end).reduce((top, point) => (point[1] > top[1] ? point : top));
  });
}

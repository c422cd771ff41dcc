/**
 * Charts as SVG, drawn by ECharts without a browser. Every colour is a CSS variable of the page
 * (report/style.ts), so that one picture is legible in a light and in a dark one.
 */
import { LineChart } from 'echarts/charts';
import { GridComponent, MarkLineComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { Chart, Mark, Series } from '../bench/bench-module.ts';
import { figure } from '../table.ts';

use([LineChart, GridComponent, MarkLineComponent, SVGRenderer]);

const WIDTH_PX = 860;
const HEIGHT_PX = 320;
const FONT_PX = 12;
/** More labels of marks than these would lie over each other. */
const MARK_LABELS_MAX = 12;
/** So few points are shown as dots too, for a line through them says little. */
const DOTTED_POINTS_MAX = 40;

/** Colours that style.ts has; a chart with more series begins again with dashed lines. */
export const SERIES_COLOURS = 8;

/** The CSS variable of a series' colour. */
export function seriesColour(number: number): string {
  return `var(--series-${(number % SERIES_COLOURS) + 1})`;
}

export function isDashed(number: number): boolean {
  return number >= SERIES_COLOURS;
}

/** An `<svg>` element; text in it is escaped. */
export function chartSvg(chart: Chart): string {
  const drawing = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH_PX, height: HEIGHT_PX });
  try {
    drawing.setOption({
      animation: false,
      // Room for the labels of the axes and of the marks.
      grid: { left: 72, right: 28, top: 28, bottom: 56 },
      textStyle: { fontFamily: 'inherit', fontSize: FONT_PX },
      xAxis: { ...axis(chart.xLabel, chart.logX === true), nameGap: 32 },
      yAxis: { ...axis(chart.yLabel, chart.logY === true), nameGap: 52 },
      series: [...chart.series.map((series, i) => line(chart, series, i)), markLines(chart.marks ?? [])],
    });
    return drawing.renderToSVGString();
  } finally {
    drawing.dispose();
  }
}

function axis(name: string, logarithmic: boolean) {
  return {
    type: logarithmic ? 'log' : 'value',
    name,
    nameLocation: 'middle',
    nameTextStyle: { color: 'var(--ink)' },
    axisLine: { show: true, onZero: false, lineStyle: { color: 'var(--rule)' } },
    axisTick: { show: false },
    axisLabel: { color: 'var(--ink)', formatter: figure, hideOverlap: true },
    splitLine: { lineStyle: { color: 'var(--grid)' } },
  };
}

function line(chart: Chart, { name, points }: Series, number: number) {
  const shown = points.filter(([x, y]) => (x > 0 || chart.logX !== true) && (y > 0 || chart.logY !== true));
  const color = seriesColour(number);
  return {
    type: 'line',
    name,
    data: shown,
    silent: true,
    showSymbol: shown.length <= DOTTED_POINTS_MAX,
    symbol: 'circle',
    symbolSize: 4,
    lineStyle: { color, width: 1.6, type: isDashed(number) ? 'dashed' : 'solid' },
    itemStyle: { color },
  };
}

/** A series without points that bears the vertical lines. */
function markLines(marks: readonly Mark[]) {
  const labelled = marks.length <= MARK_LABELS_MAX;
  return {
    type: 'line',
    data: [],
    silent: true,
    markLine: {
      silent: true,
      symbol: 'none',
      lineStyle: { color: 'var(--mark)', width: 1, type: 'dashed' },
      label: { formatter: '{b}', color: 'var(--mark)', fontSize: FONT_PX - 1 },
      data: marks.map(({ x, label }) => ({
        xAxis: x,
        name: label ?? '',
        label: { show: labelled && label !== undefined },
      })),
    },
  };
}

/** Tables for a terminal and for Markdown, and how figures are written in them. */

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

/** Columns padded to the width of their longest cell, two spaces apart. */
export function textTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const titles = columns.map((column) => column.title);
  const widths = columns.map((_, i) => Math.max(...[titles, ...rows].map((row) => row[i].length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (columns[i].align === 'left' ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join('  ')
      .trimEnd();
  const rule = line(widths.map((width) => '-'.repeat(width)));
  return [line(titles), rule, ...rows.map(line)].join('\n');
}

export function markdownTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeCell).join(' | ')} |`;
  const titles = line(columns.map((column) => column.title));
  const rule = line(columns.map((column) => (column.align === 'left' ? '---' : '---:')));
  return [titles, rule, ...rows.map(line)].join('\n');
}

function escapeCell(cell: string): string {
  return cell.replaceAll('|', '\\|');
}

/** Three significant digits at least, thousands apart: 0.123, 4.56, 78.9, 1,234. */
export function figure(value: number): string {
  if (value === 0) return '0';
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  const decimals = Math.min(Math.max(2 - magnitude, 0), 3);
  return value.toLocaleString('en-GB', { minimumFractionDigits: 0, maximumFractionDigits: decimals });
}

/** What tests read from expressions of PromQL. */

/** Strings, selectors in braces, ranges, lists of labels: what holds no name of a metric. */
const NO_NAMES =
  /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g;
/** A name that is neither that of a function or aggregation nor part of a number. */
const NAME = /(?<![\w:.])[a-zA-Z_:][\w:]*(?![\w:]|\s*\()/g;
const KEYWORDS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'inf', 'nan']);

/** The metrics that an expression reads, each once. */
export function metricsOf(expression: string): string[] {
  // Strings first: a brace or bracket within one is not code.
  const withoutStrings = expression.replace(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/g, '""');
  const names = withoutStrings.replace(NO_NAMES, ' ').match(NAME) ?? [];
  return [...new Set(names.filter((name) => !KEYWORDS.has(name.toLowerCase())))];
}

/** The metric that a name of a series is of: a histogram's series have three. */
export function familyOf(name: string): string {
  return name.replace(/_(?:bucket|count|sum)$/, '');
}

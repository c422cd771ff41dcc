/** What tests read from expressions of PromQL. */

const STRING = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/g;
/** Selectors in braces, ranges, lists of labels: what holds no name of a metric. */
const NO_NAMES = /\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g;
/** A name that is neither that of a function or aggregation nor part of a number. */
const NAME = /(?<![\w:.])[a-zA-Z_:][\w:]*(?![\w:]|\s*\()/g;
const KEYWORDS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'inf', 'nan']);
const SELECTOR = /([a-zA-Z_:][\w:]*)\{((?:[^}"]|"(?:\\.|[^"\\])*")*)\}/g;
const MATCHER = /(\w+)(=~|!~|!=|=)"((?:\\.|[^"\\])*)"/g;

export interface Matcher {
  readonly metric: string;
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

/** The metrics that an expression reads, each once. */
export function metricsOf(expression: string): string[] {
  // Strings first: a brace or bracket within one is not code.
  const names = expression.replace(STRING, '""').replace(NO_NAMES, ' ').match(NAME) ?? [];
  return [...new Set(names.filter((name) => !KEYWORDS.has(name.toLowerCase())))];
}

/** By which labels an expression chooses series. */
export function matchersOf(expression: string): Matcher[] {
  return [...expression.matchAll(SELECTOR)].flatMap(([, metric, matchers]) =>
    [...matchers.matchAll(MATCHER)].map(([, label, operator, value]) => ({ metric, label, operator, value })),
  );
}

/** The metric that a name of a series is of: a histogram's series have three. */
export function familyOf(name: string): string {
  return name.replace(/_(?:bucket|count|sum)$/, '');
}

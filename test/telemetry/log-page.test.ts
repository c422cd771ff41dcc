/** docs/operations.md and the program say the same of the log: every event, at its level. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { docsPage } from '../support/page.ts';
import { REPOSITORY } from '../support/program.ts';

const SRC = join(REPOSITORY, 'src');
/** A call of a log up to its end, which no field of ours reaches by a bracket and semicolon. */
const CALL =
  /\b(?:#?log(?:ger)?|warn)\b(?:\(\))?(?:\.(debug|info|warn|error|fatal))?\(((?:[^()]|\([^()]*(?:\([^()]*\)[^()]*)*\))*)\)/g;
/** The text is what stands last: a string, a template, or a constant. */
const TEXT = /(?:^|[\s,{(])(?:'((?:\\.|[^'\\])*)'|`((?:\\.|[^`\\])*)`|([A-Z][A-Z_]+)),?\s*$/;

/** Each as "level: text"; what a template fills in is "…". */
function eventsOf(source: string): string[] {
  return [...source.matchAll(CALL)].flatMap(([, level = 'warn', args]) => {
    const [, string, template, constant] = TEXT.exec(args.trimEnd()) ?? [];
    const text = string ?? template ?? (constant && constantOf(source, constant));
    return text === undefined ? [] : [`${level}: ${text.replace(/\$\{(?:[^{}]|\{[^}]*\})*\}/g, '…')}`];
  });
}

function constantOf(source: string, name: string): string | undefined {
  return new RegExp(`\\bconst ${name} = '([^']*)'`).exec(source)?.[1];
}

test('events are found however a call of the log is written', () => {
  const source = `
    const LEFT = 'left out';
    log.info('a');
    this.#log.warn({ b: f(x, (y) => y) }, 'bb');
    logger.error(
      { c },
      \`\${this.#what} is \${c}\`,
    );
    parts.log.info(fields, 'dd');
    limiterOf((event) => warn({ event }, LEFT));
    throw new Error('none');
  `;
  assert.deepEqual(eventsOf(source), ['info: a', 'warn: bb', 'error: … is …', 'info: dd', 'warn: left out']);
});

test('every event of the log is on the page, and no other', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' });
  const sources = files.filter((file) => file.endsWith('.ts') && !file.startsWith('claimctl'));
  const ofProgram = sources.flatMap((file) => eventsOf(readFileSync(join(SRC, file), 'utf8')));
  const section = docsPage('operations.md').split('\n## Logs\n')[1].split('\n## ')[0];
  const ofPage = [...section.matchAll(/^\| (debug|info|warn|error|fatal) \| `([^`]+)` \|/gm)].map(
    ([, level, text]) => `${level}: ${text}`,
  );
  assert.deepEqual(ofPage.toSorted(), [...new Set(ofProgram)].toSorted());
});

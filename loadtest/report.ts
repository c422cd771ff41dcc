/**
 * Writes docs/reports/report.html from the bench.json and soak.json that lie there.
 *
 *   npm run report
 *   npm run report -- --out FOLDER
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { REPOSITORY } from '../test/support/program.ts';
import { writePage } from './report/write-page.ts';

const { values } = parseArgs({
  options: { out: { type: 'string', default: join(REPOSITORY, 'docs/reports') } },
});
console.log(`written to ${await writePage(values.out)}`);

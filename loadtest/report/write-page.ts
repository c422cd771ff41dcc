/** Writes the report's page from what the folder of reports holds. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BENCHES } from '../bench/all.ts';
import { type BenchReport, type Reports, readJson, readReports } from '../bench/report.ts';
import { renderPage } from './page.ts';

/** What `npm run soak` writes. */
export const SOAK_JSON = 'soak.json';

/** From bench.json and soak.json, as far as they are there. @returns the path of report.html. */
export async function writePage(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const soak = await readJson<BenchReport>(join(folder, SOAK_JSON));
  const reports: Reports = { ...(await readReports(folder)), ...(soak === undefined ? {} : { soak }) };
  const path = join(folder, 'report.html');
  await writeFile(
    path,
    renderPage(
      reports,
      BENCHES.map(({ name }) => name),
    ),
  );
  return path;
}

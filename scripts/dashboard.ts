/**
 * `node scripts/dashboard.ts`: writes monitoring/dashboard.json anew. Its 60 panels would be 3,500
 * lines by hand, most of them the same in each; here a panel is its question and its queries.
 */
import { writeFileSync } from 'node:fs';
import { dashboardFile } from './dashboard/claims-dashboard.ts';

writeFileSync(new URL('../monitoring/dashboard.json', import.meta.url), dashboardFile());

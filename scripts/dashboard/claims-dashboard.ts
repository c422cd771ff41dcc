/** The dashboard of claimd: for "why was this call slow?" and "is memory creeping?", from top to bottom. */
import { CALL_ROWS } from './calls.ts';
import { ENGINE_ROWS } from './engine.ts';
import { type Dashboard, toGrafana } from './grafana.ts';
import { PROCESS_ROWS } from './process.ts';

export const CLAIMS_DASHBOARD: Dashboard = {
  uid: 'claims',
  title: 'Claims',
  description: 'claimd: service level, calls, why a call was slow, segments, store, epochs, memory.',
  presence: 'claims_ready',
  rows: [...CALL_ROWS, ...ENGINE_ROWS, ...PROCESS_ROWS],
};

/** The content of monitoring/dashboard.json. */
export function dashboardFile(): string {
  return `${JSON.stringify(toGrafana(CLAIMS_DASHBOARD), undefined, 2)}\n`;
}

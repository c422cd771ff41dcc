/** monitoring/dashboard.json as tests read it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from './program.ts';

export const DASHBOARD_FILE = join(REPOSITORY, 'monitoring', 'dashboard.json');

export interface DashboardPanel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: unknown;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly {
    readonly refId: string;
    readonly expr: string;
    readonly legendFormat: string;
    readonly datasource: unknown;
  }[];
  /** Of a shut row. */
  readonly panels?: readonly DashboardPanel[];
}

export interface DashboardVariable {
  readonly name: string;
  readonly type: string;
  readonly definition?: string;
}

export interface DashboardFile {
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly DashboardVariable[] };
  readonly panels: readonly DashboardPanel[];
}

export interface DashboardQuery {
  /** The panel's title. */
  readonly panel: string;
  readonly expr: string;
}

export function readDashboard(): DashboardFile {
  return JSON.parse(readFileSync(DASHBOARD_FILE, 'utf8'));
}

/** Rows and panels, those of shut rows too. */
export function allPanels({ panels }: DashboardFile): DashboardPanel[] {
  return panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
}

/** Every query of every panel, as it stands in the file. */
export function dashboardQueries(file: DashboardFile): DashboardQuery[] {
  return allPanels(file).flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ panel: title, expr })),
  );
}

/**
 * Where traces and metrics are sent to by OTLP, and whose they are: what both have in common. The
 * libraries are loaded by who exports, since a program that exports nothing has no need of them.
 */
import type { Resource } from '@opentelemetry/resources';
import type { Clock } from '../clock/clock.ts';

export interface OtlpSettings {
  /** The endpoint's URL, without a slash at its end; each signal has its path there. */
  readonly url: string;
  /** Sent with every request, beside those of OTEL_EXPORTER_OTLP_HEADERS. */
  readonly headers: Readonly<Record<string, string>>;
  /** The program's version. */
  readonly version: string;
  /** Tells this replica from others. */
  readonly replicaId: string;
}

/** What an exporter of @opentelemetry/exporter-*-otlp-proto is made with. */
export interface OtlpExporterOptions {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly timeoutMillis: number;
}

export const SERVICE = 'epoch-claims';

/** ExportResultCode.SUCCESS of @opentelemetry/core. */
export const EXPORT_SUCCESS = 0;

/** One export, with its retries, takes so long at most: less than a receiver's restart is not worth it. */
const EXPORT_TIMEOUT_MS = 5_000;
/** At the end so long is given to what was not sent yet. */
const CLOSE_MAX_MS = 2_000;

export function otlpExporterOptions(
  settings: OtlpSettings,
  signal: 'traces' | 'metrics',
): OtlpExporterOptions {
  return {
    url: `${settings.url}/v1/${signal}`,
    headers: { ...settings.headers },
    timeoutMillis: EXPORT_TIMEOUT_MS,
  };
}

/** Waits for the end of an export, but not for a receiver that holds it up. */
export async function closedInTime(shutdown: Promise<void>, clock: Clock): Promise<void> {
  const late = new Promise<void>((resolve) => {
    clock.after(CLOSE_MAX_MS, resolve);
  });
  await Promise.race([shutdown, late]);
}

/** Whose they are. OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME add to it, and win over it. */
export async function otlpResource({ version, replicaId }: OtlpSettings): Promise<Resource> {
  const resources = await import('@opentelemetry/resources');
  const own = resources.resourceFromAttributes({
    'service.name': SERVICE,
    'service.version': version,
    'service.instance.id': replicaId,
  });
  const detectors = [resources.resourceAttributesEnvDetector, resources.serviceNameEnvDetector];
  return resources.defaultResource().merge(own).merge(resources.detectResources({ detectors }));
}

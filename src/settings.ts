/**
 * The table of claimd's settings: from it come the flags, the variables, the keys of the file, the
 * help and (held by a test) docs/settings.md. How they are read is in config.ts.
 */
import * as files from './config-files.ts';
import * as values from './config-values.ts';
import { PARTITION_MODES } from './domain/claim.ts';
import {
  INGRESS_THREADS_MAX,
  REDIS_SHARDS_MAX,
  SEGMENTS_MAX,
  TABLE_CAPACITY_MAX,
  WINDOW_MAX_EPOCHS,
  WORKERS_MAX,
} from './limits.ts';
import { storeLocation } from './store-location.ts';

export type SettingValue = string | number | boolean | null | { readonly text: string };

export interface Setting<T extends SettingValue = SettingValue> extends values.Kind<T> {
  readonly flag: string;
  readonly env: string;
  /** As text, in the words a user would give. */
  readonly default: string;
  readonly description: string;
  /** A variable that others define for many programs; taken where the setting is not given itself. */
  readonly commonEnv?: string;
  /** Where the value is the path of a file whose content is the setting: what it may hold. */
  readonly content?: files.FileKind;
}

const EPOCH_LENGTH_MAX_MS = 86_400_000;
/** Less than a round trip to another zone and a synced write is a wrong unit rather than a wish. */
const STORE_TIMEOUT_MIN_MS = 100;
const RECONCILE_MAX_CLAIMS_PER_S = 10_000_000;
/** Ten minutes: more is a wrong unit rather than a wish. */
const DELAY_MAX_MS = 600_000;
/** SQLite's bound: 2^32 − 2 pages of 4,096 bytes. */
const SQLITE_FILE_MAX_BYTES = (2 ** 32 - 2) * 4_096;
/** A week: more is for ever. */
const CONNECTION_AGE_MAX_MS = 604_800_000;
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
const LOG_FORMATS = ['auto', 'json', 'pretty'] as const;

/** A terabyte: more is a wrong unit rather than a wish. */
const HEAP_GROWTH_ALARM_MAX_MB_PER_H = 1_000_000;

/** Every setting, by its key in the configuration file. */
export const SETTINGS = {
  config: {
    flag: '--config',
    env: 'CLAIMS_CONFIG',
    default: '',
    ...values.optionalPath,
    description: 'JSON file with any of these settings by key, except this one',
  },
  listen: {
    flag: '--listen',
    env: 'CLAIMS_LISTEN',
    default: '0.0.0.0:50051',
    ...values.listenAddress,
    description: 'where gRPC is served',
  },
  healthListen: {
    flag: '--health-listen',
    env: 'CLAIMS_HEALTH_LISTEN',
    default: 'off',
    ...values.listenAddressOrOff,
    description:
      'where gRPC health is served beside, by the main thread, which calls do not load where ingressThreads is above 1',
  },
  adminListen: {
    flag: '--admin-listen',
    env: 'CLAIMS_ADMIN_LISTEN',
    default: '127.0.0.1:9464',
    ...values.listenAddressOrOff,
    description: 'where /metrics, /healthz, /readyz and /config are served over HTTP',
  },
  store: {
    flag: '--store',
    env: 'CLAIMS_STORE',
    default: 'sqlite:./data/claims.db',
    ...storeLocation,
    description: 'where the registry is kept',
  },
  workers: {
    flag: '--workers',
    env: 'CLAIMS_WORKERS',
    default: '0',
    ...values.integer(0, WORKERS_MAX),
    description: 'segment worker threads; 0: one for every four cores',
  },
  ingressThreads: {
    flag: '--ingress-threads',
    env: 'CLAIMS_INGRESS_THREADS',
    default: '0',
    ...values.integer(0, INGRESS_THREADS_MAX),
    description:
      'threads that serve gRPC; 1: the main thread itself; 0: by the number of cores (docs/operations.md)',
  },
  segments: {
    flag: '--segments',
    env: 'CLAIMS_SEGMENTS',
    default: '64',
    ...values.powerOfTwo(SEGMENTS_MAX),
    description: 'parts the table of claims is divided into, shared out among the workers',
  },
  epochLengthMs: {
    flag: '--epoch-length-ms',
    env: 'CLAIMS_EPOCH_LENGTH_MS',
    default: '10000',
    ...values.integer(100, EPOCH_LENGTH_MAX_MS),
    description: 'length of an epoch; kept in the registry, the same for all its replicas',
  },
  validationWindowMs: {
    flag: '--validation-window-ms',
    env: 'CLAIMS_VALIDATION_WINDOW_MS',
    default: '10000',
    ...values.integer(1, WINDOW_MAX_EPOCHS * EPOCH_LENGTH_MAX_MS),
    description: `how long after its timestamp a claim can be validated, rounded up to epochs; with maxClockSkewMs at most ${WINDOW_MAX_EPOCHS} epochs; kept in the registry`,
  },
  retentionEpochs: {
    flag: '--retention-epochs',
    env: 'CLAIMS_RETENTION_EPOCHS',
    default: '60',
    ...values.integer(0, 1_000_000),
    description: 'epochs for which a claim is kept after the one in which it ended; kept in the registry',
  },
  tableCapacity: {
    flag: '--table-capacity',
    env: 'CLAIMS_TABLE_CAPACITY',
    default: '262144',
    ...values.integer(1_024, TABLE_CAPACITY_MAX),
    description: 'claims the table holds, rounded up to a power of two; allocated at start',
  },
  registryShards: {
    flag: '--registry-shards',
    env: 'CLAIMS_REGISTRY_SHARDS',
    default: '16',
    ...values.powerOfTwo(REDIS_SHARDS_MAX),
    description:
      'hashes a registry in Redis is divided into; kept in the registry; the embedded store has no use for it',
  },
  partition: {
    flag: '--partition',
    env: 'CLAIMS_PARTITION',
    default: 'claim',
    ...values.oneOf(PARTITION_MODES),
    description: 'whether a claim id exists once, or once for each player; kept in the registry',
  },
  maxClockSkewMs: {
    flag: '--max-clock-skew-ms',
    env: 'CLAIMS_MAX_CLOCK_SKEW_MS',
    default: '5000',
    ...values.integer(0, DELAY_MAX_MS),
    description: 'how far a timestamp may lie from server time, and this clock ahead of that of the store',
  },
  drainTimeoutMs: {
    flag: '--drain-timeout-ms',
    env: 'CLAIMS_DRAIN_TIMEOUT_MS',
    default: '15000',
    ...values.integer(0, DELAY_MAX_MS),
    description: 'the hard stop: how long after SIGTERM calls still in flight are cut off',
  },
  drainDelayMs: {
    flag: '--drain-delay-ms',
    env: 'CLAIMS_DRAIN_DELAY_MS',
    default: '0',
    ...values.integer(0, DELAY_MAX_MS),
    description:
      'how long after SIGTERM health says NOT_SERVING before the listener closes, for load balancers; at most drainTimeoutMs',
  },
  maxConnectionAgeMs: {
    flag: '--max-connection-age-ms',
    env: 'CLAIMS_MAX_CONNECTION_AGE_MS',
    default: '0',
    ...values.integer(0, CONNECTION_AGE_MAX_MS),
    description:
      'after so long, give or take a tenth, a client is told to connect anew, so that new replicas get their share; its calls have drainTimeoutMs to finish; 0: never',
  },
  sqliteMaxBytes: {
    flag: '--sqlite-max-bytes',
    env: 'CLAIMS_SQLITE_MAX_BYTES',
    default: '0',
    ...values.integer(0, SQLITE_FILE_MAX_BYTES),
    description: 'size of the database file at which the store is full; 0: as large as the disk allows',
  },
  redisUsername: {
    flag: '--redis-username',
    env: 'CLAIMS_REDIS_USERNAME',
    default: '',
    ...values.userName,
    description: 'ACL user of the Redis servers; needs redisPasswordFile',
  },
  redisPasswordFile: {
    flag: '--redis-password-file',
    env: 'CLAIMS_REDIS_PASSWORD_FILE',
    default: '',
    ...files.passwordFile,
    description: 'file with the password of the Redis servers',
  },
  redisCaFile: {
    flag: '--redis-ca-file',
    env: 'CLAIMS_REDIS_CA_FILE',
    default: '',
    ...files.certificateFile,
    description: 'file of certificates in PEM that those of the Redis servers are checked against',
  },
  redisCertFile: {
    flag: '--redis-cert-file',
    env: 'CLAIMS_REDIS_CERT_FILE',
    default: '',
    ...files.certificateFile,
    description: 'file with the certificate in PEM that is shown to the Redis servers; needs redisKeyFile',
  },
  redisKeyFile: {
    flag: '--redis-key-file',
    env: 'CLAIMS_REDIS_KEY_FILE',
    default: '',
    ...files.privateKeyFile,
    description: 'file with the private key in PEM of the certificate in redisCertFile',
  },
  redisKeyPrefix: {
    flag: '--redis-key-prefix',
    env: 'CLAIMS_REDIS_KEY_PREFIX',
    default: '',
    ...values.keyPrefix,
    description: 'begins the name of every key, so that registries can share a Redis',
  },
  redisTimeoutMs: {
    flag: '--redis-timeout-ms',
    env: 'CLAIMS_REDIS_TIMEOUT_MS',
    default: '2000',
    ...values.integer(STORE_TIMEOUT_MIN_MS, DELAY_MAX_MS),
    description: 'how long a call of Redis is tried before its claims are answered UNAVAILABLE',
  },
  reconcileClaimsPerS: {
    flag: '--reconcile-claims-per-s',
    env: 'CLAIMS_RECONCILE_CLAIMS_PER_S',
    default: '20000',
    ...values.integer(0, RECONCILE_MAX_CLAIMS_PER_S),
    description: 'how fast a replica reads a registry that it shares with others, again and again; 0: never',
  },
  stealing: {
    flag: '--stealing',
    env: 'CLAIMS_STEALING',
    default: 'true',
    ...values.bool,
    description: 'whether idle workers take whole runs of claims from busy ones',
  },
  reflection: {
    flag: '--reflection',
    env: 'CLAIMS_REFLECTION',
    default: 'true',
    ...values.bool,
    description: 'whether gRPC server reflection is served',
  },
  otlpEndpoint: {
    flag: '--otlp-endpoint',
    env: 'CLAIMS_OTLP_ENDPOINT',
    default: 'off',
    ...values.httpEndpointOrOff,
    commonEnv: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    description:
      'where traces and metrics are sent to by OTLP (HTTP, protobuf): /v1/traces and /v1/metrics there; where it is not set, OTEL_EXPORTER_OTLP_ENDPOINT counts',
  },
  otlpMetricsIntervalMs: {
    flag: '--otlp-metrics-interval-ms',
    env: 'CLAIMS_OTLP_METRICS_INTERVAL_MS',
    default: '60000',
    ...values.integer(1_000, 3_600_000),
    description: 'how often metrics are sent to otlpEndpoint',
  },
  otlpHeadersFile: {
    flag: '--otlp-headers-file',
    env: 'CLAIMS_OTLP_HEADERS_FILE',
    default: '',
    ...files.headersFile,
    description: 'file of HTTP headers that are sent to otlpEndpoint, such as authorization',
  },
  traceIds: {
    flag: '--trace-ids',
    env: 'CLAIMS_TRACE_IDS',
    default: 'false',
    ...values.bool,
    description:
      'whether traces of calls tell the ids of claims and players; for debugging: they are personal data',
  },
  logLevel: {
    flag: '--log-level',
    env: 'CLAIMS_LOG_LEVEL',
    default: 'info',
    ...values.oneOf(LOG_LEVELS),
    description: 'the least severe level that is logged',
  },
  logFormat: {
    flag: '--log-format',
    env: 'CLAIMS_LOG_FORMAT',
    default: 'auto',
    ...values.oneOf(LOG_FORMATS),
    description: 'a JSON object per line, or pretty for people; auto: pretty where stdout is a terminal',
  },
  heapGrowthAlarmMbPerH: {
    flag: '--heap-growth-alarm-mb-per-h',
    env: 'CLAIMS_HEAP_GROWTH_ALARM_MB_PER_H',
    default: '50',
    ...values.integer(0, HEAP_GROWTH_ALARM_MAX_MB_PER_H),
    description: 'growth of the heap, in megabytes an hour, above which an alarm is raised; 0: never',
  },
  gcPauseAlarmMs: {
    flag: '--gc-pause-alarm-ms',
    env: 'CLAIMS_GC_PAUSE_ALARM_MS',
    default: '100',
    ...values.integer(0, DELAY_MAX_MS),
    description: 'how long a garbage collection may hold up a thread before an alarm is raised; 0: never',
  },
} satisfies Record<string, Setting>;

export type SettingKey = keyof typeof SETTINGS;

/** Settings that are the path of a file whose content is what counts. */
export type FileSettingKey = {
  [K in SettingKey]: (typeof SETTINGS)[K] extends files.PathKind ? K : never;
}[SettingKey];

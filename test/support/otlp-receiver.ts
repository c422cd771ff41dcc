/**
 * A receiver of OTLP over HTTP for tests: it reads what comes over the wire by the definitions of
 * OpenTelemetry themselves (otlp/, release 1.9.0), independently of the libraries that wrote it. It
 * can fall ill in the ways that receivers do.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs';
import { freePort, LOOPBACK } from './free-port.ts';
import { REPOSITORY } from './program.ts';
import { until } from './waiting.ts';

const DEFINITIONS = join(REPOSITORY, 'test/support/otlp');
const PACKAGE = 'opentelemetry.proto.collector';
const HTTP_OK = 200;
const HTTP_NOT_FOUND = 404;

/** By path: what is asked and what is answered. */
const SERVICES = {
  '/v1/traces': ['trace', 'ExportTraceService'],
  '/v1/metrics': ['metrics', 'ExportMetricsService'],
} as const;
type SignalPath = keyof typeof SERVICES;

/** An HTTP status to answer with, or never to answer. */
export type ReceiverHealth = number | 'hangs';

export interface ReceivedRequest {
  readonly path: SignalPath;
  readonly headers: IncomingHttpHeaders;
  /** The Export…ServiceRequest as protobufjs tells it: names in camel case, 64 bits and enums as text. */
  readonly message: Readonly<Record<string, unknown>>;
}

type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** A span as it came over the wire; ids in hexadecimal digits, times in microseconds since the Unix epoch. */
export interface ReceivedSpan {
  readonly name: string;
  readonly kind: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty where it has none. */
  readonly parentSpanId: string;
  readonly startUs: number;
  readonly endUs: number;
  readonly attributes: Attributes;
  readonly links: readonly {
    readonly traceId: string;
    readonly spanId: string;
    readonly attributes: Attributes;
  }[];
  readonly status: { readonly code: string; readonly message: string };
  readonly resource: Attributes;
  readonly scope: string;
}

interface WireAttribute {
  readonly key: string;
  readonly value: {
    readonly stringValue?: string;
    readonly boolValue?: boolean;
    readonly intValue?: string;
    readonly doubleValue?: number;
  };
}
interface WireSpan {
  readonly name: string;
  readonly kind: string;
  readonly traceId: Buffer;
  readonly spanId: Buffer;
  readonly parentSpanId: Buffer;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly WireAttribute[];
  readonly links: readonly {
    readonly traceId: Buffer;
    readonly spanId: Buffer;
    readonly attributes: readonly WireAttribute[];
  }[];
  readonly status: { readonly code: string; readonly message: string } | null;
}
interface WireTraces {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly WireAttribute[] };
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string };
      readonly spans: readonly WireSpan[];
    }[];
  }[];
}

const root = loadDefinitions();

function loadDefinitions(): protobuf.Root {
  const definitions = new protobuf.Root();
  definitions.resolvePath = (_origin, target) => join(DEFINITIONS, target);
  return definitions.loadSync(
    ['trace', 'metrics'].map(
      (signal) => `opentelemetry/proto/collector/${signal}/v1/${signal}_service.proto`,
    ),
  );
}

/** A receiver that ends with the test. */
export async function otlpReceiverFor(t: TestContext, port = 0): Promise<OtlpReceiver> {
  const receiver = await OtlpReceiver.start(port);
  t.after(() => receiver.stop());
  return receiver;
}

/** An endpoint at which nobody listens. */
export async function unreachableEndpoint(): Promise<string> {
  return `http://${LOOPBACK}:${await freePort()}`;
}

export class OtlpReceiver {
  /** What it took: nothing of what came while it was ill. */
  readonly requests: ReceivedRequest[] = [];
  /** Requests that came, in whatever health. */
  asked = 0;
  /** What becomes of requests from now on. */
  health: ReceiverHealth = HTTP_OK;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      void this.#receive(request).then((answer) => {
        if (this.health === 'hangs') return;
        response.writeHead(answer === undefined ? HTTP_NOT_FOUND : this.health).end(answer);
      });
    });
  }

  static async start(port = 0): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    await new Promise<void>((resolve, reject) => {
      receiver.#server.once('error', reject).listen(port, LOOPBACK, resolve);
    });
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** To be given as CLAIMS_OTLP_ENDPOINT. */
  get endpoint(): string {
    return `http://${LOOPBACK}:${this.port}`;
  }

  /** Every span that it was sent while it was well. */
  get spans(): ReceivedSpan[] {
    return this.requests.filter(({ path }) => path === '/v1/traces').flatMap(spansOf);
  }

  /** Waits until so many spans fulfil it. */
  async untilSpans(what: string, holds: (span: ReceivedSpan) => boolean, count = 1): Promise<ReceivedSpan[]> {
    return until(`${count} spans: ${what}`, () => {
      const found = this.spans.filter(holds);
      return found.length >= count && found;
    });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  /** @returns the answer's bytes, or undefined where nothing is received at the request's path. */
  async #receive(request: IncomingMessage): Promise<Uint8Array | undefined> {
    this.asked += 1;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const path = Object.keys(SERVICES).find((known) => known === request.url) as SignalPath | undefined;
    if (path === undefined) return undefined;
    const [signal, service] = SERVICES[path];
    const body = Buffer.concat(chunks);
    const bytes = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
    const asked = root.lookupType(`${PACKAGE}.${signal}.v1.${service}Request`);
    const message = asked.toObject(asked.decode(bytes), { longs: String, enums: String, defaults: true });
    if (this.health === HTTP_OK) this.requests.push({ path, headers: request.headers, message });
    return root.lookupType(`${PACKAGE}.${signal}.v1.${service}Response`).encode({}).finish();
  }
}

function spansOf({ message }: ReceivedRequest): ReceivedSpan[] {
  return (message as unknown as WireTraces).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) =>
      spans.map((span) => ({
        name: span.name,
        kind: span.kind,
        traceId: hex(span.traceId),
        spanId: hex(span.spanId),
        parentSpanId: hex(span.parentSpanId),
        startUs: microseconds(span.startTimeUnixNano),
        endUs: microseconds(span.endTimeUnixNano),
        attributes: plain(span.attributes),
        links: span.links.map((link) => ({
          traceId: hex(link.traceId),
          spanId: hex(link.spanId),
          attributes: plain(link.attributes),
        })),
        status: span.status ?? { code: 'STATUS_CODE_UNSET', message: '' },
        resource: plain(resource.attributes),
        scope: scope.name,
      })),
    ),
  );
}

function hex(bytes: Buffer): string {
  return Buffer.from(bytes).toString('hex');
}

function microseconds(nanoseconds: string): number {
  return Number(BigInt(nanoseconds) / 1_000n);
}

function plain(attributes: readonly WireAttribute[]): Attributes {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      value.stringValue ?? value.boolValue ?? value.doubleValue ?? Number(value.intValue),
    ]),
  );
}

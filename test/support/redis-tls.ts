/** Certificates for tests of TLS: an authority of the test's own, a server's and a client's. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { testProgramPath } from '../../scripts/test-programs.ts';
import { LOOPBACK } from './free-port.ts';

const run = promisify(execFile);
const DAYS = '2';
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc'];

export interface RedisTls {
  /** Files in PEM, as settings name them. */
  readonly files: {
    readonly ca: string;
    readonly clientCert: string;
    readonly clientKey: string;
  };
  /** The same for a client in this process, in PEM. */
  readonly client: { readonly ca: string; readonly cert: string; readonly key: string };
  /** Flags of redis-server: TLS towards everybody, who must show a certificate. */
  readonly serverArgs: readonly string[];
  remove(): Promise<void>;
}

/** Makes them, in a folder that `remove` removes. Needs openssl. */
export async function makeRedisTls(): Promise<RedisTls> {
  const folder = await mkdtemp(join(tmpdir(), 'claims-tls-'));
  const file = (name: string): string => join(folder, name);
  await authority(file);
  await signed(file, 'server', `subjectAltName=IP:${LOOPBACK},DNS:localhost`);
  await signed(file, 'client', 'extendedKeyUsage=clientAuth');
  const files = { ca: file('ca.crt'), clientCert: file('client.crt'), clientKey: file('client.key') };
  const [ca, cert, key] = await Promise.all(Object.values(files).map((path) => readFile(path, 'utf8')));
  return {
    files,
    client: { ca, cert, key },
    serverArgs: [
      ...['--tls-cert-file', file('server.crt'), '--tls-key-file', file('server.key')],
      ...['--tls-ca-cert-file', files.ca, '--tls-auth-clients', 'yes'],
      ...['--tls-replication', 'yes', '--tls-cluster', 'yes'],
    ],
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** A name in the folder to its path. */
type PathOf = (name: string) => string;

async function authority(file: PathOf): Promise<void> {
  const out = ['-keyout', file('ca.key'), '-out', file('ca.crt')];
  await run(testProgramPath('openssl'), [
    'req',
    '-x509',
    ...KEY,
    '-subj',
    '/CN=claims tests',
    '-days',
    DAYS,
    ...out,
  ]);
}

/** A key and a certificate of the authority's for a name, with one X.509 extension. */
async function signed(file: PathOf, name: string, extension: string): Promise<void> {
  const signer = ['-CA', file('ca.crt'), '-CAkey', file('ca.key')];
  const out = ['-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)];
  const subject = ['-subj', `/CN=${name}`, '-addext', extension, '-days', DAYS];
  await run(testProgramPath('openssl'), ['req', '-x509', ...KEY, ...signer, ...subject, ...out]);
}

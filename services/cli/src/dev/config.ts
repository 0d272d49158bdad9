import { join } from 'node:path';
import { certificateFiles } from './certificates.ts';
import type { SecretFolder } from './secrets.ts';
import type { Instance, ServiceName } from './topology.ts';

/** A config as plain data, to be written as YAML. */
export type ConfigDocument = Record<string, unknown>;

/** What the configs of a suite are made from. */
export interface SuiteFacts {
  /** Data folder, absolute. */
  readonly data: string;
  /** Where clients reach the front, without a slash at the end. */
  readonly endpoint: string;
  /** Folder of expanded resources that the operator watches. */
  readonly resources: string;
  /** Folder in which the operator writes generated Secrets. */
  readonly generated: string;
  readonly certificates: string;
  readonly secrets: SecretFolder;
  readonly postgres: { readonly host: string; readonly port: number };
  readonly instances: readonly Instance[];
}

/** The config of one process, by the schema in that service's own config.ts. */
export function configOf(instance: Instance, facts: SuiteFacts): ConfigDocument {
  const { shape, ports } = instance;
  const listen = (port: number | undefined) => (port === undefined ? undefined : { host: '127.0.0.1', port });
  return withoutUndefined({
    log: { level: 'info' },
    // Nobody balances load in front of a local suite: it may stop at once.
    drain: { delaySeconds: 0, graceSeconds: 5 },
    admin: listen(ports.admin),
    http: listen(ports.http),
    grpc: listen(ports.grpc),
    proxy: listen(ports.proxy),
    tls: shape.name === 'demo' ? undefined : certificateFiles(facts.certificates, shape.name),
    postgres: shape.database ? database(shape.name, facts) : undefined,
    ...own[shape.name](facts, instance),
  });
}

/** Lays overrides over a config: objects are merged, everything else is replaced. */
export function merged(base: ConfigDocument, over: ConfigDocument): ConfigDocument {
  const result: ConfigDocument = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const before = result[key];
    result[key] = isDocument(before) && isDocument(value) ? merged(before, value) : value;
  }
  return withoutUndefined(result);
}

/** The front tells where a request comes from. */
const FRONT = ['127.0.0.1/32'];

const own: Readonly<Record<ServiceName, (facts: SuiteFacts, instance: Instance) => ConfigDocument>> = {
  audit: ({ secrets }) => ({ sealKeysFile: secrets.keys('audit-seal-keys.json') }),
  vault: (facts) => ({
    masterKeysFile: facts.secrets.keys('vault-master-keys.json'),
    peers: peers(facts, 'audit', 'identity'),
    publicUrl: facts.endpoint,
  }),
  identity: (facts, instance) => ({
    peers: peers(facts, 'operator', 'audit', 'vault'),
    snapshotCacheFile: cache(facts, instance),
    pepperFile: facts.secrets.keys('identity-peppers.json'),
    publicUrl: facts.endpoint,
    trustedProxies: FRONT,
    oauth: { keysFile: facts.secrets.signingKeys('identity-signing-keys.json'), keySignIn: true },
  }),
  operator: (facts) => ({
    peers: peers(facts, 'identity', 'vault'),
    folder: { path: facts.resources, generatedDir: facts.generated },
  }),
  policy: (facts, instance) => ({
    peers: peers(facts, 'operator', 'audit', 'identity'),
    sealKeysFile: facts.secrets.keys('policy-seal-keys.json'),
    enforce: true,
    snapshotCacheFile: cache(facts, instance),
  }),
  quarantine: (facts) => ({
    peers: peers(facts, 'model-proxy'),
    sealKeysFile: facts.secrets.keys('quarantine-seal-keys.json'),
  }),
  demo: ({ secrets }) => ({ keyFile: secrets.text('demo-provider-key') }),
  'mcp-broker': (facts, instance) => ({
    peers: peers(facts, 'operator', 'identity', 'vault', 'policy', 'audit', 'quarantine', 'model-proxy'),
    publicUrl: facts.endpoint,
    trustedProxies: FRONT,
    spoolDir: spool(facts, instance),
    digestKeyFile: facts.secrets.text('digest-key'),
    snapshotCacheFile: cache(facts, instance),
    hosted: { url: `https://127.0.0.1:${portOf(facts, 'mcp-host', 'http')}` },
  }),
  'mcp-host': (facts) => ({
    peers: peers(facts, 'operator'),
    local: {
      secretsDirs: [facts.resources, facts.generated],
      workDir: join(facts.data, 'hosted'),
      proxy: `http://127.0.0.1:${portOf(facts, 'egress-proxy', 'proxy')}`,
      egressKeyFile: facts.secrets.text('egress-key'),
    },
  }),
  'egress-proxy': (facts, instance) => ({
    peers: peers(facts, 'operator', 'audit'),
    egressKeyFile: facts.secrets.text('egress-key'),
    spoolDir: spool(facts, instance),
  }),
  'model-proxy': (facts, instance) => ({
    peers: peers(facts, 'operator', 'identity', 'vault', 'policy', 'audit', 'quarantine', 'mcp-broker'),
    publicUrl: facts.endpoint,
    trustedProxies: FRONT,
    spoolDir: spool(facts, instance),
    sealKeysFile: facts.secrets.keys('model-proxy-seal-keys.json'),
    digestKeyFile: facts.secrets.text('digest-key'),
    snapshotCacheFile: cache(facts, instance),
  }),
  console: (facts) => ({
    peers: peers(facts, 'audit', 'identity', 'operator', 'policy', 'vault'),
    trustedProxies: FRONT,
    publicUrl: facts.endpoint,
    sessionKeysFile: facts.secrets.keys('console-session-keys.json'),
  }),
};

function database(service: ServiceName, { postgres, secrets }: SuiteFacts): ConfigDocument {
  return {
    host: postgres.host,
    port: postgres.port,
    database: 'sallyport',
    user: `sallyport_${service.replaceAll('-', '_')}`,
    passwordFile: secrets.text(passwordName(service)),
  };
}

/** Name of the file that holds the Postgres password of a service's role. */
export function passwordName(service: ServiceName): string {
  return `${service}-postgres-password`;
}

/** gRPC targets by service name; several processes of one service stand in one target. */
function peers(facts: SuiteFacts, ...names: readonly ServiceName[]): Record<string, string> {
  const target = (name: ServiceName) => {
    const addresses = facts.instances
      .filter(({ shape, ports }) => shape.name === name && ports.grpc !== undefined)
      .map(({ ports }) => `127.0.0.1:${ports.grpc}`);
    // A peer that is not part of this suite is away: port 9 (discard) refuses.
    return `ipv4:${addresses.length === 0 ? '127.0.0.1:9' : addresses.join(',')}`;
  };
  return Object.fromEntries(names.map((name) => [name, target(name)]));
}

/** A port of the first process of a service; 9 (discard), which refuses, where it is not part of the suite. */
function portOf({ instances }: SuiteFacts, service: ServiceName, which: 'http' | 'proxy'): number {
  return instances.find(({ name }) => name === service)?.ports[which] ?? 9;
}

const spool = ({ data }: SuiteFacts, { name }: Instance) => join(data, 'spool', name);
const cache = ({ data }: SuiteFacts, { name }: Instance) => join(data, 'cache', `${name}-snapshot.json`);

function isDocument(value: unknown): value is ConfigDocument {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function withoutUndefined(document: ConfigDocument): ConfigDocument {
  return Object.fromEntries(Object.entries(document).filter(([, value]) => value !== undefined));
}

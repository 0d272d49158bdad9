import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { type ZodType, z } from 'zod';
import { nearest, schemaKeysAt } from './config-faults.ts';
import { isSecretKey, redactText } from './log.ts';

const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a duration such as `250ms`, `5s`, `1m`, `24h`, `90d`; NaN when the text is none. */
export function parseDurationMs(text: string): number {
  const match = DURATION.exec(text);
  return match === null ? Number.NaN : Math.round(Number(match[1]) * (UNIT_MS[match[2] as string] as number));
}

/** A duration in config: a text with its unit, read as milliseconds. Give defaults with `.prefault('5s')`. */
export const durationMs = z
  .string()
  .regex(DURATION, 'must be a duration such as 250ms, 5s, 1m, 24h')
  .transform(parseDurationMs);

const port = z.int().min(0).max(65_535);
const listen = z.strictObject({ host: z.string().min(1).default('127.0.0.1'), port });
const tls = z.strictObject({
  certFile: z.string().min(1),
  keyFile: z.string().min(1),
  caFile: z.string().min(1),
  /** How often the three files are looked at for new content. */
  reloadInterval: durationMs.prefault('30s'),
});

/** The blocks that every service's config is made of. */
export const blocks = {
  log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') }).prefault({}),
  /** Without `endpoint` (OTLP over HTTP, protobuf) there is no tracing at all. */
  tracing: z.strictObject({ endpoint: z.url().optional(), ratio: z.number().min(0).max(1).default(0.01) }).prefault({}),
  admin: listen,
  listen,
  tls: tls.optional(),
  /** Says out loud that this process speaks without mTLS; only tests do. */
  insecure: z.boolean().default(false),
  /** gRPC targets by service name; a headless Service spreads calls: `dns:///policy.ns.svc:9000`. */
  peers: z.record(
    z.string(),
    z.string().regex(/^(dns|ipv4|ipv6|unix):/, 'must be a gRPC target such as dns:///host:port'),
  ),
  postgres: z.strictObject({
    host: z.string().min(1),
    port: port.default(5432),
    database: z.string().min(1).default('sallyport'),
    user: z.string().min(1),
    passwordFile: z.string().optional(),
    /** Verifies the server's certificate against this CA; absent: no TLS. */
    caFile: z.string().optional(),
    maxConnections: z.int().min(1).max(200).default(10),
    connectTimeout: durationMs.prefault('2s'),
    statementTimeout: durationMs.prefault('5s'),
    lockTimeout: durationMs.prefault('3s'),
  }),
  redis: z
    .strictObject({
      /** `redis://user@host:port/db`, or `rediss://` for TLS. */
      url: z.string().regex(/^rediss?:\/\//, 'must begin with redis:// or rediss://'),
      passwordFile: z.string().optional(),
      caFile: z.string().optional(),
      /** 2 for proxies and servers without HELLO. */
      protocol: z.union([z.literal(2), z.literal(3)]).default(3),
      connectTimeout: durationMs.prefault('2s'),
      commandTimeout: durationMs.prefault('250ms'),
    })
    .optional(),
  drain: z
    .strictObject({
      /** Time between readyz 503 and closed listeners, for endpoints to propagate. */
      delaySeconds: z.number().min(0).default(5),
      /** Time that open requests have to finish. */
      graceSeconds: z.number().min(0).default(20),
    })
    .prefault({}),
} as const;

/** What each block says once it is read. */
export type ListenConfig = z.output<typeof listen>;
export type TlsConfig = z.output<typeof tls>;
export type TracingConfig = z.output<typeof blocks.tracing>;
export type PostgresConfig = z.output<typeof blocks.postgres>;
export type RedisConfig = NonNullable<z.output<typeof blocks.redis>>;
export type DrainConfig = z.output<typeof blocks.drain>;

/** A config that cannot be used; the message lists every fault with its path. */
export class ConfigError extends Error {
  constructor(faults: readonly string[]) {
    super(`The configuration cannot be used:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/**
 * Reads `--config FILE` (YAML) with `--a.b=value` and `--set a.b=value` laid over it, and checks it strictly.
 * Throws ConfigError with each fault's path and, for an unknown key, the nearest known one.
 */
export function loadConfig<S extends ZodType>(schema: S, argv: readonly string[] = process.argv.slice(2)): z.output<S> {
  const { file, overrides } = readArguments(argv);
  const document = file === undefined ? {} : parseYaml(readText(file), file);
  for (const [path, value] of overrides) assign(document, path, value);
  return checkConfig(schema, document);
}

/** Checks data against a schema as `loadConfig` does. */
export function checkConfig<S extends ZodType>(schema: S, data: unknown): z.output<S> {
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  throw new ConfigError(
    result.error.issues.flatMap((issue) => {
      const at = issue.path.map(String).join('.');
      if (issue.code !== 'unrecognized_keys') return [`${at || '(root)'}: ${issue.message}`];
      const known = schemaKeysAt(schema, issue.path);
      return issue.keys.map((key) => {
        const guess = nearest(key, known);
        const hint = guess === undefined ? `known: ${known.join(', ')}` : `did you mean ${guess}?`;
        return `${at === '' ? key : `${at}.${key}`}: unknown key; ${hint}`;
      });
    }),
  );
}

/** A secret from a file, without the line end that editors and `kubectl` leave. Throws ConfigError when unreadable or empty. */
export function readSecretFile(path: string): string {
  const secret = readText(path).replace(/\r?\n$/, '');
  if (secret === '') throw new ConfigError([`${path}: the secret file is empty`]);
  return secret;
}

/** A config fit for the debug log: secrets (not the paths of their files) are replaced. */
export function redacted(config: unknown): unknown {
  if (typeof config === 'string') return redactText(config);
  if (Array.isArray(config)) return config.map(redacted);
  if (typeof config !== 'object' || config === null) return config;
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [
      key,
      isSecretKey(key) && typeof value === 'string' ? '[redacted]' : redacted(value),
    ]),
  );
}

/** The TLS files of a config that must have them unless it says `insecure: true`. Throws ConfigError. */
export function tlsOf(config: {
  readonly tls?: TlsConfig | undefined;
  readonly insecure: boolean;
}): TlsConfig | undefined {
  if (config.tls === undefined && !config.insecure) {
    throw new ConfigError(['tls: required unless insecure is true']);
  }
  return config.insecure ? undefined : config.tls;
}

/** Facts of the pod that only the environment tells. */
export function podFacts(): { readonly pod: string; readonly namespace: string; readonly node: string } {
  const { POD_NAME, POD_NAMESPACE, NODE_NAME, HOSTNAME } = process.env;
  return { pod: POD_NAME ?? HOSTNAME ?? 'local', namespace: POD_NAMESPACE ?? 'default', node: NODE_NAME ?? '' };
}

function readArguments(argv: readonly string[]) {
  let file: string | undefined;
  const overrides: [string[], unknown][] = [];
  const override = (text: string) => {
    const equals = text.indexOf('=');
    if (equals < 1) throw new ConfigError([`${text}: write path=value`]);
    overrides.push([text.slice(0, equals).split('.'), parseYaml(text.slice(equals + 1), text)]);
  };
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] as string;
    if (argument === '--config' || argument === '--set') {
      const value = argv[++i];
      if (value === undefined) throw new ConfigError([`${argument}: a value must follow`]);
      if (argument === '--config') file = value;
      else override(value);
    } else if (argument.startsWith('--config=')) file = argument.slice('--config='.length);
    else if (argument.startsWith('--')) override(argument.slice(2));
    else throw new ConfigError([`${argument}: unknown argument`]);
  }
  return { file, overrides };
}

function assign(document: unknown, path: readonly string[], value: unknown): void {
  let at = document as Record<string, unknown>;
  for (const key of path.slice(0, -1)) {
    const next = at[key];
    if (typeof next !== 'object' || next === null) at[key] = Object.create(null);
    at = at[key] as Record<string, unknown>;
  }
  at[path[path.length - 1] as string] = value;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError([`${path}: ${(error as NodeJS.ErrnoException).code ?? 'cannot be read'}`]);
  }
}

function parseYaml(text: string, where: string): unknown {
  try {
    return parse(text, { uniqueKeys: true }) ?? (where === text ? '' : {});
  } catch (error) {
    // The first line alone says what and where; the lines of the file that follow it may hold a key.
    throw new ConfigError([`${where}: ${(error as Error).message.split(':\n')[0]}`]);
  }
}

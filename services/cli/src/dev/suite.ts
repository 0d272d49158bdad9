import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLogger, type Logger } from '@sallyport/chassis/log';
import { migrateAll } from '@sallyport/chassis/migrate';
import { stringify } from 'yaml';
import { ensureCertificates } from './certificates.ts';
import { type ConfigDocument, configOf, merged, passwordName, type SuiteFacts } from './config.ts';
import { type DataFolder, takeDataFolder } from './data-folder.ts';
import { type DemoKeys, generatedKeys } from './demo-key.ts';
import { type Front, startFront } from './front.ts';
import { openPortBook, releasePorts } from './ports.ts';
import { type LocalPostgres, startPostgres } from './postgres.ts';
import { migrationsOf } from './repository.ts';
import { expandResources, hostsServers } from './resources.ts';
import { readRoutes } from './routes.ts';
import { openSecrets } from './secrets.ts';
import { type ServiceProcess, serviceProcess, turnLog } from './service-process.ts';
import { type Instance, type InstancePorts, instanceNames, type ServiceName, services } from './topology.ts';

/** What a suite is made of. */
export interface SuiteOptions {
  /** Port of the front; absent or 0: a free one. */
  readonly port?: number;
  /** Folder of all that is kept: database, certificates, keys, logs. */
  readonly data: string;
  /** Folder of resources. */
  readonly resources: string;
  /** Laid over the configs, by service. */
  readonly overrides?: Partial<Record<ServiceName, ConfigDocument>>;
  /** Which services run; absent: all. */
  readonly services?: readonly ServiceName[];
  /** How many processes of a service; absent: one. */
  readonly replicas?: Partial<Record<ServiceName, number>>;
  /** Starts a process that ends by itself again; `make dev` does, tests do not. */
  readonly keepAlive?: boolean;
  readonly log?: Logger;
}

/** A running suite. Processes go by name: the service, then `policy-2` and so on. */
export interface Suite {
  /** `http://127.0.0.1:<port>` of the front. */
  readonly endpoint: string;
  /** Secret of VirtualKey `demo`; empty when the resources have none. */
  readonly key: string;
  /** Secret of VirtualKey `admin`; empty when the resources have none. */
  readonly adminKey: string;
  /** Secret of any VirtualKey with a targetSecret. Rejects after 30 s. */
  keyOf(tenant: string, virtualKey: string): Promise<string>;
  readonly ports: Readonly<Record<string, InstancePorts>>;
  readonly postgres: Pick<LocalPostgres, 'adminUrl' | 'host' | 'port'>;
  /** Absolute path of the data folder. */
  readonly data: string;
  /** Ends a process outright (SIGKILL). */
  kill(name: string): Promise<void>;
  /** Starts a process again, after an orderly stop if it runs, and waits until it is ready. */
  restart(name: string): Promise<void>;
  /** Stops everything in reverse order. Safe to call twice. */
  stop(): Promise<void>;
}

const CERTIFICATE_CHECK_MS = 6 * 3_600_000;

/** Starts Postgres, migrates, starts the services and the front, and waits until all are ready; stops all when one is not. */
export async function startSuite(options: SuiteOptions): Promise<Suite> {
  const log = options.log ?? createLogger({ service: 'launcher', level: 'warn' });
  const folder = await takeDataFolder(options.data, log);
  const undo: (() => Promise<void> | void)[] = [() => folder.release()];
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= (async () => {
      for (const step of undo.reverse()) {
        await Promise.resolve(step()).catch((error: unknown) => log.error('could not stop cleanly', { error }));
      }
    })();
    return stopped;
  };
  try {
    return await assemble(options, folder, log, undo, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function assemble(
  options: SuiteOptions,
  folder: DataFolder,
  log: Logger,
  undo: (() => Promise<void> | void)[],
  stop: () => Promise<void>,
): Promise<Suite> {
  const chosen = services.filter(({ name }) => options.services?.includes(name) ?? true);
  const secrets = openSecrets(folder.folder('secrets'));
  const certificates = folder.folder('certificates');
  const certify = () =>
    ensureCertificates({
      dir: certificates,
      services: services.map(({ name }) => name),
      names: () => ['localhost', '127.0.0.1'],
    });

  const book = openPortBook(join(folder.path, 'ports.json'));
  const taken: number[] = [];
  undo.push(() => releasePorts(taken));
  const portFor = async (name: string) => {
    const port = await book.portFor(name);
    taken.push(port);
    return port;
  };
  const instances: Instance[] = [];
  for (const shape of chosen) {
    for (const name of instanceNames(shape.name, options.replicas?.[shape.name] ?? 1)) {
      const ports = {
        admin: await portFor(`${name}.admin`),
        ...(shape.http ? { http: await portFor(`${name}.http`) } : {}),
        ...(shape.grpc ? { grpc: await portFor(`${name}.grpc`) } : {}),
        ...(shape.proxy ? { proxy: await portFor(`${name}.proxy`) } : {}),
      };
      instances.push({ name, shape, ports });
    }
  }
  const port = options.port || (await portFor('front'));
  const postgresPort = await portFor('postgres');
  book.save();

  // The front listens first: a taken PORT is said at once, and /readyz tells how far the start is.
  const processes = new Map<string, ServiceProcess>();
  // Those that nobody needs yet.
  const resting = new Set<ServiceProcess>();
  let prepared = false;
  const front: Front = await startFront({
    port,
    routes: readRoutes(),
    upstreams: (service) =>
      instances
        .filter(({ shape, name }) => shape.name === service && processes.get(name)?.pid() !== undefined)
        .flatMap(({ ports }) => ports.http ?? []),
    failures: () => (prepared ? failuresOf(processes, resting) : Promise.resolve({ launcher: 'starting' })),
  });
  undo.push(() => front.stop());
  const endpoint = `http://127.0.0.1:${front.port}`;

  const [postgres] = await Promise.all([
    startPostgres({ dataDir: folder.folder('postgres'), log, port: postgresPort }),
    certify(),
  ]);
  undo.push(() => postgres.stop());
  const renewal = setInterval(() => {
    certify().catch((error: unknown) => log.error('the certificates could not be renewed', { error }));
  }, CERTIFICATE_CHECK_MS).unref();
  undo.push(() => clearInterval(renewal));
  await migrateAll({
    adminUrl: postgres.adminUrl,
    services: chosen
      .filter(({ database }) => database)
      .map(({ name }) => ({
        name,
        dir: migrationsOf(name),
        password: secrets.value(passwordName(name)),
      })),
  });

  const demo = instances.find(({ name }) => name === 'demo');
  const facts: SuiteFacts = {
    data: folder.path,
    endpoint,
    resources: folder.folder('resources'),
    generated: folder.folder('generated'),
    certificates,
    secrets,
    postgres,
    instances,
  };
  undo.push(
    expandResources({
      from: options.resources,
      to: facts.resources,
      values: {
        'demo.url': `http://127.0.0.1:${demo?.ports.http ?? 9}`,
        'demo.key': secrets.value('demo-provider-key'),
      },
      log,
      onCopied: () => wake(),
    }),
  );

  for (const name of ['cache', 'spool', 'hosted']) folder.folder(name);
  for (const instance of instances) {
    const service = prepare(instance, options, facts, folder, log);
    processes.set(instance.name, service);
    if (instance.shape.onDemand) resting.add(service);
  }
  const inStages = (...stages: number[]) =>
    [...processes.values()].filter(({ instance }) => stages.includes(instance.shape.stage));
  for (const stage of [1, 2, 3, 4]) {
    undo.push(async () => void (await Promise.all(inStages(stage).map((service) => service.stop()))));
  }
  const wake = (): ServiceProcess[] => {
    if (!prepared || resting.size === 0 || !hostsServers(facts.resources)) return [];
    const woken = [...resting];
    resting.clear();
    for (const service of woken) service.start();
    return woken;
  };
  prepared = true;
  // All could start at once and find each other; in this order nobody waits out a back-off.
  for (const wave of [inStages(1, 2), inStages(3, 4)]) {
    const needed = wave.filter((service) => !resting.has(service));
    for (const service of needed) service.start();
    await Promise.all(needed.map((service) => service.ready()));
  }
  await Promise.all(wake().map((service) => service.ready()));

  const find = (name: string) => {
    const service = processes.get(name);
    if (service === undefined)
      throw new Error(`${name} is not part of this suite: ${[...processes.keys()].join(', ')}`);
    return service;
  };
  const keys: DemoKeys = generatedKeys(facts.generated, facts.resources);
  const both = processes.has('operator') ? await keys.demoAndAdmin() : { key: '', adminKey: '' };
  return {
    endpoint,
    ...both,
    keyOf: keys.keyOf,
    ports: Object.fromEntries(instances.map(({ name, ports }) => [name, ports])),
    postgres,
    data: folder.path,
    kill: (name) => find(name).kill(),
    async restart(name) {
      const service = find(name);
      await service.stop();
      service.start();
      await service.ready();
    },
    stop,
  };
}

function prepare(instance: Instance, options: SuiteOptions, facts: SuiteFacts, folder: DataFolder, log: Logger) {
  const config = merged(configOf(instance, facts), options.overrides?.[instance.shape.name] ?? {});
  const configFile = join(folder.folder('config'), `${instance.name}.yaml`);
  const logFile = join(folder.folder('logs'), `${instance.name}.log`);
  rmSync(configFile, { force: true });
  writeFileSync(configFile, stringify(config), { mode: 0o600 });
  turnLog(logFile);
  return serviceProcess({
    instance,
    configFile,
    logFile,
    compileCache: folder.folder('compile-cache'),
    keepAlive: options.keepAlive ?? false,
    log,
    onPid: (pid) => folder.remember(instance.name, pid),
  });
}

async function failuresOf(
  processes: ReadonlyMap<string, ServiceProcess>,
  resting: ReadonlySet<ServiceProcess>,
): Promise<Record<string, string>> {
  const awake = [...processes].filter(([, service]) => !resting.has(service));
  const answers = await Promise.all(awake.map(async ([name, service]) => [name, await service.readiness()] as const));
  return Object.fromEntries(answers.filter((answer): answer is [string, string] => answer[1] !== true));
}

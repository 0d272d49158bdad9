/** What a service of the suite listens on and keeps. */
export interface ServiceShape {
  readonly name: ServiceName;
  /** Who leans on whom: stages stop from the highest down, so that what serves others goes after them. */
  readonly stage: 1 | 2 | 3 | 4;
  readonly http?: true;
  readonly grpc?: true;
  /** Has a schema and a role in Postgres, and migrations under src/migrations. */
  readonly database?: true;
  /** Listens for hosted tool servers. */
  readonly proxy?: true;
  /** Runs only once a resource declares a hosted tool server: most suites have none. */
  readonly onDemand?: true;
}

/** The deployable services. */
export type ServiceName =
  | 'audit'
  | 'vault'
  | 'identity'
  | 'operator'
  | 'policy'
  | 'quarantine'
  | 'demo'
  | 'mcp-broker'
  | 'model-proxy'
  | 'console'
  | 'mcp-host'
  | 'egress-proxy';

/** The services, what others lean on first. */
export const services: readonly ServiceShape[] = [
  { name: 'audit', stage: 1, grpc: true, database: true },
  { name: 'vault', stage: 2, grpc: true, database: true },
  { name: 'identity', stage: 2, http: true, grpc: true, database: true },
  { name: 'operator', stage: 2, grpc: true },
  { name: 'policy', stage: 3, grpc: true, database: true },
  { name: 'quarantine', stage: 3, grpc: true, database: true },
  { name: 'demo', stage: 3, http: true },
  { name: 'mcp-broker', stage: 4, http: true, grpc: true, database: true },
  { name: 'model-proxy', stage: 4, http: true, grpc: true, database: true },
  { name: 'console', stage: 4, http: true },
  { name: 'egress-proxy', stage: 3, proxy: true, onDemand: true },
  { name: 'mcp-host', stage: 3, http: true, grpc: true, onDemand: true },
];

/** Ports of one process, all on loopback. */
export interface InstancePorts {
  readonly admin: number;
  readonly http?: number;
  readonly grpc?: number;
  readonly proxy?: number;
}

/** One process of a service: `policy`, or `policy-2` where two were asked for. */
export interface Instance {
  readonly name: string;
  readonly shape: ServiceShape;
  readonly ports: InstancePorts;
}

/** Tells whether a word names a service. */
export function isServiceName(word: string): word is ServiceName {
  return services.some(({ name }) => name === word);
}

/** Names of the processes of a service: its own, then with a number from 2 on. */
export function instanceNames(service: ServiceName, replicas: number): string[] {
  return Array.from({ length: replicas }, (_, index) => (index === 0 ? service : `${service}-${index + 1}`));
}

/** What a service of the suite listens on and keeps. */
export interface ServiceShape {
  readonly name: ServiceName;
  readonly http?: true;
  readonly grpc?: true;
  /** Has a schema and a role in Postgres, and migrations under src/migrations. */
  readonly database?: true;
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
  | 'console';

/** The services in the order in which they stop reversed: what others lean on stands first. */
export const services: readonly ServiceShape[] = [
  { name: 'audit', grpc: true, database: true },
  { name: 'vault', grpc: true, database: true },
  { name: 'identity', grpc: true, database: true },
  { name: 'operator', grpc: true },
  { name: 'policy', grpc: true, database: true },
  { name: 'quarantine', grpc: true, database: true },
  { name: 'demo', http: true },
  { name: 'mcp-broker', http: true, grpc: true, database: true },
  { name: 'model-proxy', http: true, grpc: true },
  { name: 'console', http: true },
];

/** Ports of one process, all on loopback. */
export interface InstancePorts {
  readonly admin: number;
  readonly http?: number;
  readonly grpc?: number;
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

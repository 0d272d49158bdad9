import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import { type Kind, secretKinds } from '@sallyport/custom-resources';
import type { Clients } from './clients.ts';
import { createRunner, type Runner } from './controllers/runner.ts';
import { secretNames } from './controllers/secret-users.ts';
import { type Entry, keyOf } from './entry.ts';
import { type Hosting, noHosting } from './hosting/hosting.ts';
import type { OperatorMetrics } from './metrics.ts';
import { type Observations, observations } from './observations.ts';
import { createCompiler, snapshotKinds } from './snapshot/compile.ts';
import { createPublisher, type Publisher } from './snapshot/publish.ts';
import type { Change, Source } from './source/source.ts';

/** The heart of the operator without its edges: compiles and publishes always, reconciles while it leads. */
export interface Operator extends Component {
  readonly publisher: Publisher;
  readonly observations: Observations;
  leads(): boolean;
  /** Begins or ends to write status, secrets and keys. */
  lead(leads: boolean): Promise<void>;
  observed(entry: Entry): void;
}

/** What an operator is made of. */
export type OperatorOptions = {
  readonly source: Source;
  readonly clients: Clients;
  /** Runs hosted tool servers; absent: they are not run. */
  readonly hosting?: Hosting;
  readonly log: Logger;
  readonly metrics: OperatorMetrics;
  readonly now?: () => number;
  /** Default 1000. */
  readonly heartbeatMs?: number;
  /** How long changes are gathered before a kind is compiled. Default 20. */
  readonly gatherMs?: number;
};

/** Makes an operator over a source. */
export function createOperator(options: OperatorOptions): Operator {
  const { source, clients, log, metrics, now = Date.now, heartbeatMs = 1000, gatherMs = 20 } = options;
  const { hosting = noHosting() } = options;
  const compiler = createCompiler();
  const publisher = createPublisher({ heartbeatMs });
  const seen = observations();
  const life = new AbortController();
  const dirty = new Set<Kind>(snapshotKinds);
  let runner: Runner | undefined;
  let wanted = false;
  let timer: NodeJS.Timeout | undefined;
  // Whether other Secrets may be referred to than when it was last looked.
  let refersAnew = true;

  // Before all is read, what is missing would look as if it were gone: keys would be taken away, names given away.
  const beginWhenRead = async () => {
    if (!wanted || runner !== undefined || !source.synced()) return;
    const granted = new Map();
    const { inForce } = compiler;
    runner = createRunner(
      { source, observations: seen, inForce, clients, hosting, granted, log, now, signal: life.signal },
      metrics,
    );
    await runner.begin();
  };

  const publish = () => {
    timer = undefined;
    // Before all is read, a snapshot would look as if the rest had been taken away.
    if (!source.synced()) return;
    for (const kind of dirty) {
      if (publisher.publish(kind, compiler.compile(kind, source, source.cluster(), source.configMap))) {
        metrics.published(kind);
      }
    }
    dirty.clear();
    if (!refersAnew) return;
    refersAnew = false;
    const names = secretKinds.flatMap((kind) =>
      source.list(kind).flatMap((entry) => secretNames(entry).map((name) => keyOf({ tenant: entry.tenant, name }))),
    );
    source.retainSecrets(new Set(names));
  };
  const specs = new Map<string, Entry['parsed']>();
  const isNews = ({ kind, tenant, name }: { readonly kind: Kind; readonly tenant: string; readonly name: string }) => {
    const key = `${kind}/${keyOf({ tenant, name })}`;
    const spec = source.get(kind, tenant, name)?.parsed;
    const same = spec !== undefined && specs.get(key) === spec;
    if (spec === undefined) specs.delete(key);
    else specs.set(key, spec);
    return !same;
  };
  const publishSoon = () => {
    timer ??= setTimeout(publish, gatherMs);
  };
  const onChange = (change: Change) => {
    if (change.of === 'resource') {
      if (snapshotKinds.includes(change.kind)) dirty.add(change.kind);
      if (isNews(change)) refersAnew = true;
      if (dirty.size > 0 || refersAnew) publishSoon();
    } else if (change.of === 'configMap') {
      dirty.add('ToolServer');
      publishSoon();
    }
    runner?.changed(change);
    void beginWhenRead();
  };

  return {
    name: 'operator',
    publisher,
    observations: seen,
    leads: () => runner !== undefined,
    async lead(leads) {
      metrics.leader(leads);
      wanted = leads;
      if (leads) return beginWhenRead();
      const ending = runner;
      runner = undefined;
      await ending?.stop();
    },
    observed: ({ kind, tenant, name }) => runner?.look(kind, tenant, name),
    start() {
      source.onChange(onChange);
      hosting.onChange((tenant, name) => runner?.look('ToolServer', tenant, name));
    },
    async stop() {
      clearTimeout(timer);
      wanted = false;
      await runner?.stop();
      runner = undefined;
      life.abort();
    },
  };
}

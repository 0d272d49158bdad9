import { asGatewayError } from '@sallyport/chassis/errors';
import type { Finding, Kind } from '@sallyport/custom-resources';
import { acceptance, dependents, statusDependents } from '../checks/acceptance.ts';
import { documentRef } from '../checks/document.ts';
import { type Entry, keyOf } from '../entry.ts';
import { type WorkQueue, workQueue } from '../kube/work-queue.ts';
import type { OperatorMetrics } from '../metrics.ts';
import type { Change, Departed } from '../source/source.ts';
import { accessPolicyController } from './access-policy.ts';
import { clientController } from './client.ts';
import type { Controller, ControllerContext } from './controller.ts';
import { revoke } from './grants.ts';
import { identityProviderController } from './identity-provider.ts';
import { limitController } from './limit.ts';
import { modelController } from './model.ts';
import { modelProviderController } from './model-provider.ts';
import { orphanedGrants, orphanedKeys } from './orphans.ts';
import { secretUsers } from './secret-users.ts';
import { nextStatus, occurrences } from './status.ts';
import { teamController } from './team.ts';
import { toolPolicyController } from './tool-policy.ts';
import { toolServerController } from './tool-server.ts';
import { toolsetController } from './toolset.ts';
import { virtualKeyController } from './virtual-key.ts';

const controllers = [
  modelProviderController,
  modelController,
  toolServerController,
  toolsetController,
  accessPolicyController,
  toolPolicyController,
  limitController,
  identityProviderController,
  clientController,
  teamController,
  virtualKeyController,
] as readonly unknown[] as readonly Controller[];

/** Runs the controllers of all kinds, each over its own queue. Only the leader has one. */
export interface Runner {
  /** Works on everything that is there, and on what is gone and not undone. */
  begin(): Promise<void>;
  changed(change: Change): void;
  /** Looks at a resource again, for instance after an observation. */
  look(kind: Kind, tenant: string, name: string): void;
  /** Keys that wait, over all kinds. */
  waiting(): number;
  stop(): Promise<void>;
}

/** Every resource is looked at again after this time, jittered, since missed events must not matter. */
const resyncMs = 600_000;
const reconcileTimeoutMs = 30_000;
/** What access policies cover depends on much that changes in one go, a thousand keys for instance. */
const coverageGatherMs = 250;

/** Makes a runner; nothing happens before `begin`. */
export function createRunner(context: ControllerContext, metrics: OperatorMetrics): Runner {
  const { source, log } = context;
  const queues = new Map<Kind, WorkQueue>();
  // What each key meant when it was last looked at, so that its end can be undone.
  const seen = new Map<string, Departed>();
  const users = secretUsers();
  const lastSpec = new Map<string, Entry['parsed']>();
  let begun = false;

  // A status that was written is no news to those who look at specs: with 10,000 keys nothing else would be done.
  const matters = ({ kind, tenant, name }: Omit<Departed, 'uid'>, entry: Entry | undefined): boolean => {
    const key = `${kind}/${keyOf({ tenant, name })}`;
    const same = entry !== undefined && lastSpec.get(key) === entry.parsed;
    if (entry === undefined) lastSpec.delete(key);
    else lastSpec.set(key, entry.parsed);
    return !same || statusDependents.has(kind);
  };

  const undo = async (controller: Controller, departed: Departed, held: ControllerContext) => {
    await controller.removed?.(departed, held);
    context.observations.forget(departed.uid);
    await source.forget(departed);
  };

  const reconcile = async (controller: Controller, key: string, signal: AbortSignal) => {
    const held = { ...context, signal: AbortSignal.any([signal, AbortSignal.timeout(reconcileTimeoutMs)]) };
    const [tenant = '', name = ''] = key.split('/');
    const entry = source.get(controller.kind, tenant, name);
    const before = seen.get(`${controller.kind}/${key}`);
    if (before !== undefined && before.uid !== entry?.uid) {
      await undo(controller, before, held);
      seen.delete(`${controller.kind}/${key}`);
    }
    await controller.sweep?.(tenant, name, entry?.uid, held);
    if (entry === undefined) return;
    seen.set(`${controller.kind}/${key}`, { kind: entry.kind, tenant, name, uid: entry.uid });
    await settle(controller, entry, held);
  };

  const settle = async (controller: Controller, entry: Entry, held: ControllerContext) => {
    const accepted = acceptance(entry, source);
    const outcome =
      accepted.status === 'True' && entry.parsed.ok
        ? await controller.reconcile(entry, entry.parsed.value.spec, held)
        : { findings: [{ ...accepted, type: 'Ready' }] as Finding[] };
    const { status, changed } = nextStatus(
      entry,
      [accepted, ...outcome.findings],
      { ...outcome.fields, inForce: accepted.status === 'True' ? undefined : held.inForce(entry) },
      new Date(context.now()),
    );
    if (changed) {
      await source.writeStatus(entry, status);
      for (const occurrence of occurrences(entry.status, status)) source.emit(entry, occurrence);
    }
    if (outcome.failure !== undefined) throw outcome.failure;
    const queue = queues.get(controller.kind);
    const again = Math.min(outcome.againMs ?? Number.POSITIVE_INFINITY, resyncMs * (0.9 + Math.random() / 5));
    queue?.forget(keyOf(entry));
    queue?.addAfter(keyOf(entry), again);
  };

  for (const controller of controllers) {
    const { kind } = controller;
    queues.set(
      kind,
      workQueue({
        work: (key, signal) => metrics.reconciled(kind, () => reconcile(controller, key, signal)),
        // A peer that starts later than we do should not make anyone wait for long.
        firstRetryMs: 100,
        maxRetryMs: 5000,
        onError(key, error) {
          const { code, message } = asGatewayError(error);
          const fields = code === 'internal' ? { error } : { code, message };
          log.warn('a resource could not be reconciled and is tried again', { kind, key, ...fields });
        },
      }),
    );
  }

  // Keys and grants whose resources went while no operator ran. The ends of keys are queued like any other.
  const orphans = workQueue({
    async work(_, signal) {
      for (const departed of await orphanedKeys(context, signal)) {
        seen.set(`${departed.kind}/${keyOf(departed)}`, departed);
        queues.get(departed.kind)?.add(keyOf(departed));
      }
      for (const departed of await orphanedGrants(context, signal)) await revoke(departed, { ...context, signal });
    },
    onError: (_, error) =>
      log.warn('keys and grants without a resource could not be looked for and taken away', { error }),
    firstRetryMs: 1000,
  });

  const runner: Runner = {
    async begin() {
      begun = true;
      orphans.add('all');
      for (const departed of source.departed()) {
        seen.set(`${departed.kind}/${keyOf(departed)}`, departed);
        queues.get(departed.kind)?.add(keyOf(departed));
      }
      for (const kind of queues.keys())
        for (const entry of source.list(kind)) {
          users.changed(entry, entry);
          matters(entry, entry);
          runner.look(kind, entry.tenant, entry.name);
        }
      for (const { tenant, name } of context.hosting.fenced()) runner.look('ToolServer', tenant, name);
    },
    changed(change) {
      if (!begun) return;
      if (change.of === 'resource') {
        runner.look(change.kind, change.tenant, change.name);
        const entry = source.get(change.kind, change.tenant, change.name);
        users.changed(change, entry);
        if (!matters(change, entry)) return;
        for (const kind of dependents[change.kind]) {
          for (const entry of source.list(kind, change.tenant)) {
            if (kind === 'AccessPolicy') queues.get(kind)?.addAfter(keyOf(entry), coverageGatherMs);
            else runner.look(kind, entry.tenant, entry.name);
          }
        }
        return;
      }
      if (change.of === 'configMap') {
        for (const entry of source.list('ToolServer', change.tenant)) {
          if (documentRef(entry)?.name === change.name) runner.look('ToolServer', entry.tenant, entry.name);
        }
        return;
      }
      for (const { kind, tenant, name } of users.of(change.tenant, change.name)) runner.look(kind, tenant, name);
    },
    look: (kind, tenant, name) => {
      if (begun) queues.get(kind)?.add(`${tenant}/${name}`);
    },
    waiting: () => [...queues.values()].reduce((sum, queue) => sum + queue.size(), 0),
    async stop() {
      begun = false;
      await Promise.all([orphans, ...queues.values()].map((queue) => queue.stop()));
    },
  };
  return runner;
}

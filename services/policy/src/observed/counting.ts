import { createHash } from 'node:crypto';
import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { Client } from '@sallyport/chassis/rpc/client';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { personOf } from '../approvals/approval.ts';
import type { Snapshot } from '../snapshot/tenant.ts';
import type { ToolPolicyUnit } from '../snapshot/units.ts';
import type { ObservedDelta, ObservedStore } from './store.ts';

/** Counts what rules in Observe would have done, and lets the operator know. */
export interface Counting extends Component {
  count(principal: Principal, policy: ToolPolicyUnit, rule: string): void;
}

// More rules, or more principals of one, wait for the next round.
const MAX_RULES = 10_000;
const MAX_PRINCIPALS = 1_000;
const MAX_STATUS_RULES = 128;
const REPORT_MS = 5_000;

interface Counted extends Omit<ObservedDelta, 'count' | 'principals'> {
  count: number;
  readonly principals: Set<string>;
}

/** Gathers counts in memory, adds them up over replicas in the store, and reports totals for `ToolPolicy.status.observed`. */
export function createCounting(options: {
  readonly store: ObservedStore;
  readonly client: Pick<Client<typeof SnapshotService>, 'report'>;
  readonly snapshot: () => Snapshot | undefined;
  readonly reporter: string;
  readonly intervalMs: number;
  readonly log: Logger;
}): Counting {
  const { store, client, snapshot, log } = options;
  let counted = new Map<string, Counted>();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  const told = new Set<string>();

  const write = async () => {
    if (counted.size === 0) return;
    const taken = counted;
    counted = new Map();
    const deltas = [...taken.values()].map((one) => ({ ...one, principals: [...one.principals] }));
    try {
      await store.add(deltas);
    } catch (error) {
      log.warn('counts of rules in Observe were lost', { rules: deltas.length, error });
    }
  };
  const report = async () => {
    const units = policiesOf(snapshot());
    const totals = await store.totals();
    const current = totals.filter((one) => units.get(unitKey(one.tenant, one.policy))?.revision === one.revision);
    await store.forget(totals.filter((one) => !current.includes(one)));
    const byPolicy = Map.groupBy(current, (one) => unitKey(one.tenant, one.policy));
    for (const key of byPolicy.keys()) told.add(key);
    const observations = [...told].flatMap((key) => {
      const unit = units.get(key);
      if (unit === undefined) {
        told.delete(key);
        return [];
      }
      // A policy that has changed begins anew: what was told of it before is taken back.
      const rules = byPolicy.get(key) ?? [];
      const observed = rules
        .map(({ rule, count, principals }) => ({ rule, count, principals }))
        .sort((a, b) => (a.rule < b.rule ? -1 : 1))
        .slice(0, MAX_STATUS_RULES);
      const tenant = key.slice(0, key.indexOf('/'));
      return [{ kind: 'ToolPolicy', tenant, name: unit.name, uid: unit.uid, statusJson: JSON.stringify({ observed }) }];
    });
    // Said again each time, since the operator keeps observations in memory only.
    if (observations.length === 0) return;
    await client.report({ reporter: options.reporter, observations }, { timeoutMs: REPORT_MS });
  };
  const round = async () => {
    await write();
    await report().catch((error: unknown) => log.debug('counts of rules in Observe could not be reported', { error }));
  };

  return {
    name: 'observed-rules',
    count(principal, policy, rule) {
      const { tenant } = principal;
      const key = JSON.stringify([tenant, policy.name, policy.revision, rule]);
      let entry = counted.get(key);
      if (entry === undefined) {
        if (counted.size >= MAX_RULES) return;
        // Rules are named "<policy>/<rule>" in decisions; the status says the rule alone.
        const name = rule.slice(policy.name.length + 1);
        entry = { tenant, policy: policy.name, revision: policy.revision, rule: name, count: 0, principals: new Set() };
        counted.set(key, entry);
      }
      entry.count++;
      if (entry.principals.size < MAX_PRINCIPALS) entry.principals.add(digestOf(principal));
    },
    start() {
      timer = setInterval(() => {
        running ??= round().finally(() => {
          running = undefined;
        });
      }, options.intervalMs);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await running;
      await write();
    },
  };
}

function policiesOf(snapshot: Snapshot | undefined): Map<string, ToolPolicyUnit> {
  const units = new Map<string, ToolPolicyUnit>();
  for (const [tenant, rules] of snapshot?.tenants ?? []) {
    for (const unit of rules.policies) units.set(unitKey(tenant, unit.name), unit);
  }
  return units;
}

function unitKey(tenant: string, policy: string): string {
  return `${tenant}/${policy}`;
}

function digestOf(principal: Principal): string {
  return createHash('sha256')
    .update(JSON.stringify([principal.tenant, personOf(principal)]))
    .digest('base64url')
    .slice(0, 22);
}

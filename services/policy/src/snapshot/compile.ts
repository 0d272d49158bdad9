import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Held, HeldItem } from './held.ts';
import { type Snapshot, type TenantRules, tenantRules } from './tenant.ts';
import { type Compiled, compileUnit, KINDS, type PolicyKind, type Unit } from './units.ts';

/** A fault found while compiling a resource. */
export interface CompileFault {
  readonly kind: PolicyKind;
  readonly tenant: string;
  readonly name: string;
  readonly faults: readonly string[];
}

/** Turns received resources into snapshots, compiling only what changed. */
export interface Compiler {
  /** Calls must not overlap. */
  compile(held: Held, caughtUp: boolean): Promise<Snapshot>;
}

// DESIGN §3: compiled in slices of at most 10 ms, so that decisions go on meanwhile.
const SLICE_MS = 8;

/** Makes a compiler; `onFault` hears once of each revision of a resource that cannot be used as it is. */
export function createCompiler(onFault: (fault: CompileFault) => void): Compiler {
  let compiled = new Map<string, Compiled>();
  let lastGood = new Map<string, Unit>();
  let tenants = new Map<string, { readonly units: readonly Unit[]; readonly rules: TenantRules }>();

  const unitOf = (kind: PolicyKind, item: HeldItem, key: string, good: Map<string, Unit>, kept: typeof compiled) => {
    const version = `${key} ${item.contentHash || item.specJson}`;
    let result = compiled.get(version);
    if (result === undefined) {
      result = compileUnit(kind, item);
      if (result.faults.length > 0) onFault({ kind, tenant: item.tenant, name: item.name, faults: result.faults });
    }
    kept.set(version, result);
    // A bad revision leaves the last good one in force; with none, what it selects is denied (DESIGN §6).
    const unit = result.faults.length > 0 ? (lastGood.get(key) ?? result.unit) : result.unit;
    if (unit !== undefined && (result.faults.length === 0 || lastGood.has(key))) good.set(key, unit);
    return unit;
  };

  return {
    async compile(held, caughtUp) {
      const kept = new Map<string, Compiled>();
      const good = new Map<string, Unit>();
      const byTenant = new Map<string, { item: HeldItem; unit: Unit }[]>();
      let sliceEnd = performance.now() + SLICE_MS;
      const breathe = async () => {
        if (performance.now() < sliceEnd) return;
        await nextTurn();
        sliceEnd = performance.now() + SLICE_MS;
      };

      for (const kind of KINDS) {
        for (const item of held.get(kind)?.items.values() ?? []) {
          await breathe();
          const unit = unitOf(kind, item, `${kind} ${item.uid}`, good, kept);
          if (unit === undefined) continue;
          const list = byTenant.get(item.tenant);
          if (list === undefined) byTenant.set(item.tenant, [{ item, unit }]);
          else list.push({ item, unit });
        }
      }

      const next: typeof tenants = new Map();
      for (const [tenant, entries] of byTenant) {
        await breathe();
        entries.sort((a, b) => a.item.createdAtMs - b.item.createdAtMs || (a.item.name < b.item.name ? -1 : 1));
        const units = entries.map((entry) => entry.unit);
        const before = tenants.get(tenant);
        next.set(
          tenant,
          before !== undefined && same(before.units, units) ? before : { units, rules: tenantRules(units) },
        );
      }

      compiled = kept;
      lastGood = good;
      tenants = next;
      return {
        revision: revisionOf(held),
        limitRevision: held.get('Limit')?.revision ?? '',
        tenants: new Map(Array.from(next, ([tenant, entry]) => [tenant, entry.rules])),
        caughtUp,
      };
    },
  };
}

function same(a: readonly Unit[], b: readonly Unit[]): boolean {
  return a.length === b.length && a.every((unit, index) => unit === b[index]);
}

function revisionOf(held: Held): string {
  const hash = createHash('sha256');
  for (const kind of KINDS) if (kind !== 'Limit') hash.update(`${kind}=${held.get(kind)?.revision ?? ''};`);
  return hash.digest('hex').slice(0, 12);
}

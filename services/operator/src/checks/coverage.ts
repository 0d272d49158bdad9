import type { Finding, Kind, Resource } from '@sallyport/custom-resources';
import { gapLine, gapsUnder } from '@sallyport/custom-resources/access-coverage';
import { type Coverage, coverageOf, type SeenTools } from '@sallyport/custom-resources/coverage';
import type { Entry } from '../entry.ts';
import type { View } from '../source/source.ts';
import { acceptance } from './acceptance.ts';
import { fails, holds } from './findings.ts';

// Those that say what is protected; `dependents` has access policies looked at again when one of them changes.
const coverageKinds = [
  'AccessPolicy',
  'Client',
  'Model',
  'ToolPolicy',
  'ToolServer',
  'VirtualKey',
] as const satisfies readonly Kind[];

/** `PolicyCoverage` of an access policy that is accepted: whether what it admits stands inside of the protection. */
export function coverageFinding(entry: Entry<'AccessPolicy'>, view: View): Finding {
  const { resources, seen, coverage } = tenantCoverage(entry.tenant, view);
  const policy = entry.parsed.ok ? entry.parsed.value : undefined;
  if (policy?.kind !== 'AccessPolicy') return holds('PolicyCoverage', 'Covered');
  const gaps = gapsUnder(policy, coverage, resources, seen);
  return gaps.length === 0
    ? holds('PolicyCoverage', 'Covered')
    : fails('PolicyCoverage', 'GapsFound', `${gaps.length} ${gaps.length === 1 ? 'gap' : 'gaps'}: ${gapLine(gaps)}`);
}

type TenantCoverage = {
  readonly resources: readonly Resource[];
  readonly seen: SeenTools;
  readonly coverage: Coverage;
};

// All access policies of a tenant share one piece of work, and most changes of a status change nothing of it.
const worked = new WeakMap<View, Map<string, TenantCoverage & { readonly inputs: readonly unknown[] }>>();

function tenantCoverage(tenant: string, view: View): TenantCoverage {
  const entries: readonly Entry[] = coverageKinds.flatMap((kind): Entry[] => view.list(kind, tenant));
  const inputs = entries.flatMap(({ kind, parsed, status }) =>
    kind === 'ToolServer' ? [parsed, status.tools] : [parsed],
  );
  const ofView = worked.get(view) ?? new Map<string, TenantCoverage & { readonly inputs: readonly unknown[] }>();
  worked.set(view, ofView);
  const known = ofView.get(tenant);
  if (known?.inputs.length === inputs.length && known.inputs.every((one, index) => one === inputs[index])) return known;
  const accepted = entries.filter((one) => acceptance(one, view).status === 'True');
  const resources = accepted.flatMap(({ parsed }): Resource[] => (parsed.ok ? [parsed.value] : []));
  const seen = new Map(
    accepted.flatMap((one) => (one.kind === 'ToolServer' ? [[one.name, toolsSeen(one)] as const] : [])),
  );
  const next = { inputs, resources, seen, coverage: coverageOf(resources, tenant, seen) };
  ofView.set(tenant, next);
  return next;
}

// What the broker reports of a server stands in its status.
function toolsSeen({ status }: Entry): string[] {
  const { tools } = status;
  if (!Array.isArray(tools)) return [];
  return tools.flatMap((one: { readonly name?: unknown }) => (typeof one.name === 'string' ? [one.name] : []));
}

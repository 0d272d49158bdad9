import {
  type Finding,
  findCondition,
  type ModelSpec,
  orderedTargets,
  routingReferences,
  type ToolPolicySpec,
  type ToolsetSpec,
} from '@sallyport/custom-resources';
import type { View } from '../source/source.ts';
import { acceptance, publicNameOf } from './acceptance.ts';
import { fails, holds } from './findings.ts';

/** A target of a model and whether it can serve. */
export type TargetState = {
  readonly provider: string;
  readonly model: string;
  readonly live: boolean;
  readonly reason?: string;
};

/** The targets of a model in the order in which they are tried, with what is known of their providers. */
export function targetStates(spec: ModelSpec, tenant: string, view: View): TargetState[] {
  return orderedTargets(spec).map(({ provider, model }) => {
    const entry = view.get('ModelProvider', tenant, provider);
    if (entry === undefined) return { provider, model, live: false, reason: 'ProviderNotFound' };
    const ready = findCondition(entry.status.conditions, 'Ready');
    // Not yet looked at is not dead: requests may try it.
    if (ready?.status !== 'False') return { provider, model, live: true };
    return { provider, model, live: false, reason: ready.reason };
  });
}

/** What a model names beside its targets and is not there, such as `spec.fallbacks.errors[0]: no Model small`. */
export function missingReferences(spec: ModelSpec, tenant: string, view: View): string[] {
  return routingReferences(spec)
    .filter(({ kind, name }) => view.get(kind, tenant, name) === undefined)
    .map(({ kind, path, name }) => `${path}: no ${kind} ${name}`);
}

/** `ResolvedRefs` and `Ready` of a model; what is missing beside its targets keeps it from nothing but that. */
export function modelFindings(targets: readonly TargetState[], others: readonly string[] = []): Finding[] {
  const missing = targets.filter(({ reason }) => reason === 'ProviderNotFound').map(({ provider }) => provider);
  const live = targets.filter((target) => target.live).length;
  return [
    resolved(missing, others),
    live > 0
      ? holds('Ready', 'Ready', live === targets.length ? '' : `${live} of ${targets.length} targets can serve`)
      : fails(
          'Ready',
          'NoLiveTarget',
          targets.map(({ provider, model, reason }) => `${provider}/${model}: ${reason}`).join('; '),
        ),
  ];
}

function resolved(missing: readonly string[], others: readonly string[]): Finding {
  if (missing.length > 0) {
    return fails('ResolvedRefs', 'ProviderNotFound', `no ModelProvider ${[...new Set(missing)].join(', ')}`);
  }
  return others.length === 0 ? holds('ResolvedRefs', 'Resolved') : fails('ResolvedRefs', 'NotFound', others.join('; '));
}

/** `ResolvedRefs` of a tool policy: servers, their tools where they are known, providers, models for quarantine. */
export function toolPolicyReferences(spec: ToolPolicySpec, tenant: string, view: View): Finding {
  const missing: string[] = [];
  let reason = '';
  const miss = (why: string, what: string) => {
    reason ||= why;
    missing.push(what);
  };
  missingTools(spec.tools, tenant, view, miss);
  spec.providerTools.forEach(({ provider }, index) => {
    if (view.get('ModelProvider', tenant, provider) === undefined) {
      miss('ProviderNotFound', `spec.providerTools[${index}]: no ModelProvider ${provider}`);
    }
  });
  spec.results.forEach(({ quarantine }, index) => {
    if (quarantine?.model === undefined) return;
    const serves = view
      .list('Model', tenant)
      .some((entry) => publicNameOf(entry) === quarantine.model && acceptance(entry, view).status === 'True');
    if (!serves) miss('ModelNotFound', `spec.results[${index}].quarantine.model: no Model ${quarantine.model}`);
  });
  return missing.length === 0 ? holds('ResolvedRefs', 'Resolved') : fails('ResolvedRefs', reason, missing.join('; '));
}

/** `ResolvedRefs` of a toolset: servers, and their tools where they are known. */
export function toolsetReferences({ tools }: ToolsetSpec, tenant: string, view: View): Finding {
  const missing: string[] = [];
  let reason = '';
  missingTools(tools, tenant, view, (why, what) => {
    reason ||= why;
    missing.push(what);
  });
  return missing.length === 0 ? holds('ResolvedRefs', 'Resolved') : fails('ResolvedRefs', reason, missing.join('; '));
}

function missingTools(
  tools: readonly { readonly server: string; readonly tool: string }[],
  tenant: string,
  view: View,
  miss: (why: string, what: string) => void,
): void {
  tools.forEach(({ server, tool }, index) => {
    // A pattern may match nothing yet: it is for servers to come.
    if (server.includes('*')) return;
    const entry = view.get('ToolServer', tenant, server);
    if (entry === undefined) miss('ToolServerNotFound', `spec.tools[${index}]: no ToolServer ${server}`);
    const known = entry?.status.tools;
    if (tool.includes('*') || !Array.isArray(known) || known.length === 0) return;
    if (!known.some((one: { name?: unknown }) => one.name === tool)) {
      miss('ToolNotFound', `spec.tools[${index}]: ToolServer ${server} has no tool ${tool}`);
    }
  });
}

import { constancyOf, type Domains } from './condition-logic.ts';
import type { Gap, Of } from './coverage.ts';
import { matchesGlob } from './glob.ts';
import type { ToolPolicySpec } from './tool-policy.ts';

type Tool = Pick<Of<'ToolServer'>['spec']['tools'][number], 'name' | 'class' | 'fields'>;

/** Tells whether a policy selects a tool of a tool server. */
export function selects(spec: Pick<ToolPolicySpec, 'tools'>, server: string, tool: string): boolean {
  return spec.tools.some((one) => matchesGlob(one.server, server) && matchesGlob(one.tool, tool));
}

/** Finds the tools of a server that rules do not hold, and counts its tools: those declared and those seen there. */
export function toolGaps(
  { metadata, spec }: Of<'ToolServer'>,
  policies: readonly Of<'ToolPolicy'>[],
  seen: readonly string[],
): { readonly tools: number; readonly gaps: readonly Gap[] } {
  const { name: server } = metadata;
  const declared = new Set(spec.tools.map(({ name }) => name));
  const byDefault: Tool[] = seen
    .filter((name) => !declared.has(name))
    .map((name) => ({ name, class: spec.defaultClass }));
  const tools = [...spec.tools.filter(({ enabled }) => enabled), ...byDefault];
  const near = policies.filter((policy) => policy.spec.tools.some((one) => matchesGlob(one.server, server)));
  const gap = (tool: string, text: string): Gap => ({ about: 'tool', name: `${server}/${tool}`, gap: text });
  return {
    tools: tools.length,
    gaps: [
      ...(spec.defaultClass === 'Read' ? [gap('*', 'what is not declared is taken for reading only')] : []),
      ...byDefault.map(({ name }) =>
        gap(name, `is ${spec.defaultClass} by default: its ToolServer does not declare it`),
      ),
      ...tools.flatMap((tool) => gapsOf(tool, server, near).map((text) => gap(tool.name, text))),
    ],
  };
}

function gapsOf(tool: Tool, server: string, policies: readonly Of<'ToolPolicy'>[]): string[] {
  const speaking = policies.filter(({ spec }) => selects(spec, server, tool.name));
  const domains: Domains = {
    'tool.name': (value) => value === tool.name,
    'tool.server': (value) => value === server,
    'tool.class': (value) => value === tool.class.toLowerCase(),
  };
  const results = speaking
    .flatMap(({ spec }) => spec.results)
    .filter(({ when }) => when === undefined || constancyOf(when, domains) !== 'never');
  const reads = results.some(({ action }) => action === 'Quarantine' || action === 'Deny');
  const trusts = results.some(({ action, trust }) => action === 'Allow' && trust === 'Trusted');
  const fields = tool.fields?.some(({ trusted }) => trusted) ?? false;
  const harmful = tool.class === 'Egress' || tool.class === 'Sensitive';
  const spoken = speaking.some(({ spec }) => spec.calls.length > 0);
  return [
    ...(harmful && !spoken ? [`is ${tool.class} and no rule speaks of its calls`] : []),
    ...(reads || trusts
      ? []
      : ['hands its result to the model in plain, untrusted: tools with side effects are refused from then on']),
    ...(!reads && fields ? ['has trusted fields, but no rule has its result shown by them'] : []),
    ...(trusts ? ['hands its whole result on as trusted'] : []),
  ];
}

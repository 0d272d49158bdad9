import type { Fault, Resource, ToolPolicySpec } from '@sallyport/custom-resources';
import { constancyOf, type Domains } from '@sallyport/custom-resources/condition-logic';
import { matchesGlob } from '@sallyport/custom-resources/glob';
import { selects } from '@sallyport/custom-resources/tool-coverage';
import { pointerTokens } from '@sallyport/turn/json-pointer';

/** What is doubtful about a policy or tool server; an error only where it can mean nothing. */
export interface RuleFinding extends Fault {
  readonly severity: 'error' | 'warning';
}

type Of<K extends Resource['kind']> = Extract<Resource, { readonly kind: K }>;

const CLASSES = ['read', 'write', 'egress', 'sensitive'];
const STARTS = ['', 'human', 'webhook', 'form', 'email', 'schedule', 'agent'];
// Who controls an address decides where data goes, whoever wrote it down.
const ADDRESS =
  /(^|[^a-z])(ur[il]s?|links?|href|hosts?|hostname|domains?|websites?|site|webhooks?|callbacks?|endpoints?|redirects?)$/i;

/** Looks at a policy: rules that can never hold, conditions that always do, and tools that nobody has. */
export function lintToolPolicy(policy: Of<'ToolPolicy'>, all: readonly Resource[]): RuleFinding[] {
  const { spec, metadata } = policy;
  const servers = toolServers(all, metadata.namespace);
  return [...neverHolding(spec), ...unknownTools(spec, servers)];
}

/** Looks at a tool server: what can do harm and no rule speaks of, and trusted fields that should not be. */
export function lintToolServer(server: Of<'ToolServer'>, all: readonly Resource[]): RuleFinding[] {
  const { name: serverName, namespace } = server.metadata;
  const policies = all.filter(
    (one): one is Of<'ToolPolicy'> => one.kind === 'ToolPolicy' && one.metadata.namespace === namespace,
  );
  return server.spec.tools.flatMap((tool, index): RuleFinding[] => {
    const found: RuleFinding[] = [];
    const warn = (path: string, message: string) => found.push({ path, message, severity: 'warning' });
    const harmful = tool.class === 'Egress' || tool.class === 'Sensitive';
    const spoken = policies.some(({ spec }) => spec.calls.length > 0 && selects(spec, serverName, tool.name));
    if (harmful && tool.enabled && !spoken) {
      const text = `no rule speaks of calls of ${tool.name} (${tool.class}): it passes while nothing untrusted is in play, and never else`;
      warn(`spec.tools[${index}]`, text);
    }
    (tool.fields ?? []).forEach((field, at) => {
      const last =
        pointerTokens(field.path)
          .filter((token) => token !== '*')
          .at(-1) ?? '';
      const words = last.replace(/([a-z])([A-Z])/g, '$1_$2');
      if (field.trusted && field.type === 'String' && ADDRESS.test(words)) {
        const text = `${field.path} is called like an address and is trusted: where it leads, calls may go without asking; be sure that ${field.writer ?? 'its writer'} means it so`;
        warn(`spec.tools[${index}].fields[${at}].trusted`, text);
      }
    });
    return found;
  });
}

function toolServers(all: readonly Resource[], namespace: string): Of<'ToolServer'>[] {
  return all.filter(
    (one): one is Of<'ToolServer'> => one.kind === 'ToolServer' && one.metadata.namespace === namespace,
  );
}

function neverHolding(spec: ToolPolicySpec): RuleFinding[] {
  const servers = [
    ...spec.tools.map(({ server }) => server),
    ...spec.clientTools.map(({ client }) => client),
    ...spec.providerTools.map(({ provider }) => provider),
  ];
  const tools = [...spec.tools, ...spec.clientTools].map(({ tool }) => tool);
  const named = [...tools, ...spec.providerTools.map(({ type }) => type)];
  const domains: Domains = {
    'tool.class': (value) => CLASSES.includes(value),
    'tool.name': (value) => named.some((pattern) => matchesGlob(pattern, value)),
    'tool.server': (value) => servers.some((pattern) => matchesGlob(pattern, value)),
    'principal.origin': (value) => STARTS.includes(value),
  };
  return (['calls', 'results'] as const).flatMap((phase) => {
    const rules: readonly { readonly name: string; readonly when?: string | undefined }[] = spec[phase];
    return rules.flatMap(({ name, when }, index): RuleFinding[] => {
      const constancy = when === undefined || when.trim() === 'true' ? undefined : constancyOf(when, domains);
      const path = `spec.${phase}[${index}].when`;
      if (constancy === 'never') {
        return [{ path, message: `rule "${name}" can never hold: ${when}`, severity: 'error' }];
      }
      const text = `the condition of rule "${name}" always holds; leave it out, so that the rule is the default`;
      return constancy === 'always' ? [{ path, message: text, severity: 'warning' }] : [];
    });
  });
}

function unknownTools(spec: ToolPolicySpec, servers: readonly Of<'ToolServer'>[]): RuleFinding[] {
  const missing = spec.tools.flatMap((one, index) => {
    const reached = servers.filter(({ metadata }) => matchesGlob(one.server, metadata.name));
    const has = reached.some(({ spec: of }) => of.tools.some(({ name }) => matchesGlob(one.tool, name)));
    return one.tool === '*' || reached.length === 0 || has ? [] : [{ ...one, index }];
  });
  // A policy for servers of any name comes with more tools than one server has: it is of no use only if all are missing.
  const exact = missing.filter(({ server }) => !server.includes('*'));
  if (exact.length === 0 && missing.length > 0 && missing.length === spec.tools.length) {
    const message = 'no ToolServer of these files declares any of these tools';
    return [{ path: 'spec.tools', message, severity: 'warning' }];
  }
  return exact.map(({ server, tool, index }): RuleFinding => {
    const message = `ToolServer ${server} declares no tool ${tool}; what it does not declare has its default class`;
    return { path: `spec.tools[${index}].tool`, message, severity: 'warning' };
  });
}

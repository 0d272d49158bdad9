import type { Resource } from '@sallyport/custom-resources';
import { matchesGlob } from '@sallyport/custom-resources/glob';
import type { TenantRules } from '@sallyport/policy/snapshot/tenant';
import type { ToolPolicyUnit } from '@sallyport/policy/snapshot/units';
import type { JsonValue } from '@sallyport/turn/canonical-json';
import { childPointer, pointerTokens } from '@sallyport/turn/json-pointer';
import { label, TRUSTED } from '@sallyport/turn/label';
import { CommandError } from '../arguments.ts';
import {
  type CompiledRules,
  compileRules,
  conditionKey,
  DEFAULT_NAMESPACE,
  resource,
  surroundings,
} from './compiled-rules.ts';
import { merged } from './merged-rows.ts';
import { type OriginWord, tellOrigins } from './origins.ts';
import { ask, brokeredTool, principalNamed, type Question } from './question.ts';

/** What stands in a row for an argument; `absent`: it is not there. */
export type TableOrigin = Extract<OriginWord, 'typed' | 'trusted' | 'handle' | 'composed'> | 'absent';

/** What is decided of tools of the same rules in the same states. */
export interface TruthTable {
  /** `server/tool`; several where the rules cannot tell them apart. */
  readonly tools: readonly string[];
  /** Arguments that rules speak of, as JSON pointers; `/…` stands for every other one. */
  readonly arguments: readonly string[];
  readonly rows: readonly TableRow[];
}

/** One row: every combination of what its cells list has the same decision. */
export interface TableRow {
  readonly classes: readonly string[];
  readonly context: readonly string[];
  readonly mode: readonly string[];
  /** By argument, in the order of `TruthTable.arguments`. */
  readonly origins: readonly (readonly TableOrigin[])[];
  readonly decision: string;
  readonly rule: string;
}

const ORIGINS: readonly TableOrigin[] = ['typed', 'trusted', 'handle', 'composed', 'absent'];
const CLASSES = ['Read', 'Write', 'Egress', 'Sensitive'] as const;
const CONTEXTS = ['trusted', 'untrusted'] as const;
const MODES = ['Enforce', 'Observe'] as const;
const ANY_OTHER = '/…';
// 5 origins to the power of this, times 16 states, is what one table costs.
const MAX_ARGUMENTS = 5;

interface Subject {
  readonly server: string;
  readonly name: string;
  /** Undefined: no ToolServer says. */
  readonly toolClass: (typeof CLASSES)[number] | undefined;
}

/**
 * Works out what the rules decide of every tool that policies name or tool servers declare, in every state that could
 * matter. Names with a star stand for themselves where no tool server has a tool that fits. Throws CommandError.
 */
export async function truthTables(
  resources: readonly Resource[],
  namespace = DEFAULT_NAMESPACE,
): Promise<TruthTable[]> {
  const own = resources.filter((one) => one.metadata.namespace === namespace);
  const subjects = subjectsOf(own);
  const access = surroundings(resources, namespace).filter((one) => one.kind !== 'AccessPolicy');
  const everybody = resource('AccessPolicy', 'everybody', namespace, {
    subjects: { everyone: true },
    models: ['*'],
    tools: ['*/*'],
  });
  const kept = own.filter((one) => one.kind !== 'AccessPolicy' && one.kind !== 'ToolServer');
  // A class that nobody declared may be any: the same tool stands on one server a class.
  const servers = [...new Set(subjects.map((one) => one.server))].flatMap((server) =>
    CLASSES.map((toolClass) => {
      const tools = subjects
        .filter((one) => one.server === server)
        .map(({ name }) => ({ name, class: toolClass, enabled: true }));
      const spec = { remote: { url: 'https://example.com/mcp' }, defaultClass: 'Sensitive', tools };
      return resource('ToolServer', serverOf(server), `${namespace}-${toolClass.toLowerCase()}`, spec);
    }),
  );
  const inEach = CLASSES.flatMap((toolClass) =>
    [...kept, ...access, everybody].map((one) => moved(one, `${namespace}-${toolClass.toLowerCase()}`)),
  );
  const rules = await compileRules([...servers, ...inEach]);
  const groups = new Map<string, { subjects: Subject[]; policies: readonly ToolPolicyUnit[] }>();
  for (const subject of subjects) {
    const tenant = rules.snapshot.tenants.get(`${namespace}-read`) as TenantRules;
    const policies = tenant.brokered.find(serverOf(subject.server), subject.name);
    const speaksOfName = policies.some((policy) => policy.calls.some(({ when }) => looksAtTool(when)));
    const key = JSON.stringify([
      policies.map((one) => one.name).sort(),
      subject.toolClass,
      speaksOfName ? [subject.server, subject.name] : '',
    ]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { subjects: [subject], policies });
    else group.subjects.push(subject);
  }
  return Array.from(groups.values(), (group) => tableOf(group.subjects, group.policies, rules, namespace));
}

function subjectsOf(resources: readonly Resource[]): Subject[] {
  const found = new Map<string, Subject>();
  const add = (server: string, name: string, toolClass?: Subject['toolClass']) => {
    const key = `${server}/${name}`;
    if (!found.has(key)) found.set(key, { server, name, toolClass });
  };
  for (const one of resources) {
    if (one.kind !== 'ToolServer') continue;
    for (const tool of one.spec.tools) if (tool.enabled) add(one.metadata.name, tool.name, tool.class);
  }
  const declared = [...found.values()];
  for (const one of resources) {
    if (one.kind !== 'ToolPolicy') continue;
    for (const { server, tool } of one.spec.tools) {
      const fits = declared.some((known) => matchesGlob(server, known.server) && matchesGlob(tool, known.name));
      if (!fits) add(server, tool);
    }
  }
  return [...found.values()];
}

function tableOf(
  subjects: readonly Subject[],
  policies: readonly ToolPolicyUnit[],
  rules: CompiledRules,
  namespace: string,
): TruthTable {
  const paths = argumentsOf(policies, rules, `${namespace}-read`);
  if (paths.length > MAX_ARGUMENTS) {
    throw new CommandError(
      `rules speak of ${paths.length} arguments of ${subjects[0]?.name}; a table shows ${MAX_ARGUMENTS}`,
      1,
    );
  }
  const subject = subjects[0] as Subject;
  const classes = subject.toolClass === undefined ? CLASSES : [subject.toolClass];
  const rows: TableRow[] = [];
  for (const toolClass of classes) {
    for (const context of CONTEXTS) {
      for (const mode of MODES) {
        for (const origins of product(paths.length)) {
          const tenant = `${namespace}-${toolClass.toLowerCase()}`;
          const { decision } = ask(questionOf(subject, tenant, context, mode, paths, origins), rules.snapshot);
          const { enforced, verdict, rule } = decision;
          rows.push({
            classes: [toolClass],
            context: [context],
            mode: [mode],
            origins: origins.map((one) => [one]),
            decision: enforced === verdict ? enforced : `${enforced} (would ${verdict})`,
            rule,
          });
        }
      }
    }
  }
  return {
    tools: subjects.map(({ server, name }) => `${server}/${name}`),
    arguments: paths.map((path) => (path.length === 0 ? ANY_OTHER : pointerOf(path))),
    rows: merged(rows, {
      cells: ({ origins, context, classes: ofRow, mode }) => [...origins, context, ofRow, mode],
      outcome: ({ decision, rule }) => `${decision} ${rule}`,
      row: (cells, { decision, rule }) => ({
        origins: cells.slice(0, paths.length) as TableOrigin[][],
        context: cells[paths.length] as string[],
        classes: cells[paths.length + 1] as string[],
        mode: cells[paths.length + 2] as string[],
        decision,
        rule,
      }),
    }),
  };
}

function questionOf(
  subject: Subject,
  tenant: string,
  context: 'trusted' | 'untrusted',
  mode: 'Enforce' | 'Observe',
  paths: readonly (readonly string[])[],
  origins: readonly TableOrigin[],
): Question {
  let args: JsonValue = {};
  const said: Record<string, { origin: OriginWord }> = {};
  paths.forEach((path, index) => {
    const origin = origins[index] as TableOrigin;
    if (origin === 'absent') return;
    const place = path.length === 0 ? ['…'] : path;
    args = placed(args, place, 'value');
    said[pointerOf(place)] = { origin };
  });
  const inPlay = context === 'trusted' ? TRUSTED : label('untrusted', ['tool:example/read']);
  return {
    phase: 'call',
    principal: principalNamed(tenant, { user: 'user', client: 'agent', name: 'agent', origin: 'human' }),
    tool: brokeredTool(serverOf(subject.server), subject.name),
    context: inPlay,
    args,
    ...tellOrigins(args, said, inPlay),
    approved: false,
    posture: mode === 'Enforce' ? 'enforce' : 'observe',
  };
}

/** Paths of arguments that rules on calls ask about; none of them: all others, where rules speak of them too. */
function argumentsOf(
  policies: readonly ToolPolicyUnit[],
  rules: CompiledRules,
  namespace: string,
): readonly string[][] {
  const found = new Map<string, string[]>();
  for (const rule of policies.flatMap((policy) => policy.calls)) {
    if (typeof rule.when !== 'object') continue;
    for (const { path } of rule.when.uses) found.set(pointerOf(path), [...path]);
    if (!rule.when.variables.has('origins')) continue;
    const text = rules.conditions.get(conditionKey(namespace, 'calls', rule.id)) ?? '';
    for (const [, pointer = ''] of text.matchAll(/["'](\/[^"']+)["']/g)) found.set(pointer, pointerTokens(pointer));
  }
  const all = [...found.values()].sort((a, b) => b.length - a.length);
  // What stands above another one is told apart by what else it holds; only all arguments together have a column.
  return all.filter((path) => path.length === 0 || !all.some((other) => other !== path && isAbove(path, other)));
}

function isAbove(path: readonly string[], other: readonly string[]): boolean {
  return other.length > path.length && path.every((token, at) => other[at] === token);
}

function looksAtTool(when: ToolPolicyUnit['calls'][number]['when']): boolean {
  return typeof when === 'object' && when.variables.has('tool');
}

function* product(length: number): Generator<TableOrigin[]> {
  if (length === 0) yield [];
  else for (const rest of product(length - 1)) for (const one of ORIGINS) yield [...rest, one];
}

function placed(value: JsonValue, path: readonly string[], leaf: JsonValue): JsonValue {
  const [first, ...rest] = path;
  if (first === undefined) return leaf;
  const members = value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
  return { ...members, [first]: placed((members as { [key: string]: JsonValue })[first] ?? {}, rest, leaf) };
}

function pointerOf(path: readonly string[]): string {
  return path.reduce((pointer, token) => childPointer(pointer, token), '');
}

// A pattern of names stands for a server of any name.
function serverOf(server: string): string {
  return server.includes('*') ? server.replaceAll('*', 'any') : server;
}

function moved(one: Resource, namespace: string): Resource {
  return {
    ...one,
    metadata: { ...one.metadata, namespace, uid: `${namespace}/${one.kind}/${one.metadata.name}` },
  } as Resource;
}

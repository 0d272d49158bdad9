import type { Resource } from '@sallyport/custom-resources';
import { label, TRUSTED } from '@sallyport/turn/label';
import { CommandError } from '../arguments.ts';
import type { CaseFile, PolicyCase } from './case-file.ts';
import { type CompiledRules, compileRules, resource, surroundings } from './compiled-rules.ts';
import { tellOrigins } from './origins.ts';
import { type Answer, ask, brokeredTool, principalNamed, type Question } from './question.ts';
import { answersOf } from './rule-answers.ts';

/** What became of a case. */
export interface CaseOutcome {
  readonly file: CaseFile;
  readonly case: PolicyCase;
  readonly question: Question;
  readonly answer: Answer;
  /** What was expected and did not come, by what it is about; none: the case passes. */
  readonly differences: readonly Difference[];
}

/** One expectation that was not met. */
export interface Difference {
  readonly what: 'tool' | 'decision' | 'rule' | 'reason' | 'asked' | 'trusted';
  readonly expected: string;
  readonly was: string;
}

/** A rule that cases do not show from both sides. */
export interface UntestedRule {
  readonly rule: string;
  readonly phase: 'calls' | 'results';
  readonly missing: 'never decides' | 'never gives way';
}

/** The cases of one file, decided by the resources beside it. */
export interface CaseRun {
  readonly rules: CompiledRules;
  readonly outcomes: readonly CaseOutcome[];
  readonly untested: readonly UntestedRule[];
}

const USER = { user: 'user', client: 'agent', name: 'agent', origin: 'human' };

/**
 * Decides the cases of a file with resources, as the policy service would. Throws CommandError where none of the policies is
 * of the file's namespace.
 */
export async function runCases(file: CaseFile, resources: readonly Resource[]): Promise<CaseRun> {
  const { namespace, server, tools } = file;
  const spaces = new Set(resources.flatMap((one) => (one.kind === 'ToolPolicy' ? [one.metadata.namespace] : [])));
  if (spaces.size > 0 && !spaces.has(namespace)) {
    const held = [...spaces].join(', ');
    throw new CommandError(`${file.path}: its namespace is ${namespace}, and the policies beside it are of ${held}`, 1);
  }
  const named = Object.entries(tools).map(([name, toolClass]) => ({ name, class: toolClass, enabled: true }));
  const spec = { remote: { url: 'https://example.com/mcp' }, defaultClass: 'Sensitive', tools: named };
  const added = named.length === 0 ? [] : [resource('ToolServer', server, namespace, { ...spec })];
  const rules = await compileRules([...resources, ...surroundings(resources, namespace), ...added]);
  const outcomes = file.cases.map((one): CaseOutcome => {
    const question = questionOf(one, file);
    const answer = ask(question, rules.snapshot);
    const differences = differencesOf(one, answer);
    // A case about a tool that is not there shows nothing of the rules, unless it means to.
    if (one.expect.rule === undefined && !isDeclared(one.tool, file, resources)) {
      differences.push({ what: 'tool', expected: 'one that tools or a ToolServer declare', was: one.tool });
    }
    return { file, case: one, question, answer, differences };
  });
  return { rules, outcomes, untested: untestedRules(outcomes, rules, namespace) };
}

/** What a case puts to the rules. */
export function questionOf(one: PolicyCase, file: Pick<CaseFile, 'server' | 'namespace'>): Question {
  const context = one.context === 'trusted' ? TRUSTED : label('untrusted', [`tool:${file.server}/read`]);
  const slash = one.tool.indexOf('/');
  const tool =
    slash < 0 ? brokeredTool(file.server, one.tool) : brokeredTool(one.tool.slice(0, slash), one.tool.slice(slash + 1));
  return {
    phase: one.phase,
    principal: principalNamed(file.namespace, { ...USER, ...withoutUndefined(one.principal) }),
    tool,
    context,
    args: one.arguments,
    ...tellOrigins(one.arguments, one.origins, context),
    approved: one.approval === 'granted',
    posture: one.mode === 'Enforce' ? 'enforce' : 'observe',
    isError: one.isError,
    ...(one.structured === undefined ? {} : { structured: one.structured as Question['args'] }),
  };
}

function differencesOf({ expect }: PolicyCase, { decision, trusted }: Answer): Difference[] {
  const found: Difference[] = [];
  const differ = (what: Difference['what'], expected: string, was: string) => found.push({ what, expected, was });
  if (expect.decision !== decision.enforced) differ('decision', expect.decision, decision.enforced);
  if (expect.rule !== undefined && expect.rule !== decision.rule) differ('rule', expect.rule, decision.rule);
  const { reason, asked, trusted: wanted } = expect;
  if (reason !== undefined && !decision.reason.includes(reason)) differ('reason', reason, decision.reason);
  if (asked !== undefined) {
    const [want, have] = [asked, decision.asked ?? []].map((list) => [...list].sort().join(' ') || 'nothing');
    if (want !== have) differ('asked', want as string, have as string);
  }
  if (wanted !== undefined && wanted !== trusted) differ('trusted', String(wanted), String(trusted ?? 'not a result'));
  return found;
}

/**
 * Rules that no case shows deciding, and conditions, or defaults beside conditions, that no case shows giving way. A
 * policy's only rule in a phase has nothing to give way to.
 */
function untestedRules(outcomes: readonly CaseOutcome[], rules: CompiledRules, namespace: string): UntestedRule[] {
  const seen = new Map<string, Set<boolean | undefined>>();
  for (const { question } of outcomes) {
    const phase = question.phase === 'call' ? 'calls' : 'results';
    for (const { id, holds } of answersOf(question, rules)) {
      const key = `${phase} ${id}`;
      seen.set(key, (seen.get(key) ?? new Set()).add(holds));
    }
  }
  return rules.resources.flatMap((one): UntestedRule[] => {
    if (one.kind !== 'ToolPolicy' || one.metadata.namespace !== namespace) return [];
    const { spec, metadata } = one;
    return (['calls', 'results'] as const).flatMap((phase) => {
      const list: readonly { readonly name: string; readonly when?: string | undefined }[] = spec[phase];
      const conditional = list.some(({ when }) => when !== undefined);
      return list.flatMap(({ name }): UntestedRule[] => {
        const rule = `${metadata.name}/${name}`;
        const answers = seen.get(`${phase} ${rule}`);
        if (answers?.has(true) !== true) return [{ rule, phase, missing: 'never decides' }];
        return conditional && !answers.has(false) ? [{ rule, phase, missing: 'never gives way' }] : [];
      });
    });
  });
}

function isDeclared(tool: string, { server, tools }: CaseFile, resources: readonly Resource[]): boolean {
  const slash = tool.indexOf('/');
  if (slash < 0 && Object.hasOwn(tools, tool)) return true;
  const [of, name] = slash < 0 ? [server, tool] : [tool.slice(0, slash), tool.slice(slash + 1)];
  return resources.some(
    (one) =>
      one.kind === 'ToolServer' &&
      one.metadata.name === of &&
      one.spec.tools.some((declared) => declared.name === name),
  );
}

function withoutUndefined<T extends object>(of: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)) as never;
}

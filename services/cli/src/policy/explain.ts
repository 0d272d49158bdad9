import type { ToolDecision } from '@sallyport/policy/evaluate';
import type { Leaf } from '@sallyport/policy/rules/provenance';
import { childPointer, pointerTokens } from '@sallyport/turn/json-pointer';
import { TRUSTED } from '@sallyport/turn/label';
import type { CompiledRules } from './compiled-rules.ts';
import { tellOrigins } from './origins.ts';
import { type Answer, ask, judge, type Question } from './question.ts';
import { answersOf, type RuleAnswer } from './rule-answers.ts';
import { originWords, shownValue } from './words.ts';

/** Why a question was answered as it was, in lines that a person understands. */
export function explain(question: Question, rules: CompiledRules): string {
  const answer = ask(question, rules.snapshot);
  const lines = [heading(question, answer.decision), `  ${answer.decision.reason}`];
  if (question.phase === 'call') lines.push(...argumentLines(question, answer));
  if (question.phase === 'list')
    lines.push('Of rules about arguments nothing is known before a call; they are asked then');
  else lines.push(...ruleLines(answersOf(question, rules)));
  if (question.phase === 'call') lines.push(...wayLines(question, rules, answer.decision));
  return `${lines.join('\n')}\n`;
}

function heading({ phase, tool, context }: Question, { enforced, verdict, rule, toolClass }: ToolDecision): string {
  const name = `${tool.server || tool.owner}/${tool.name}`;
  const what = phase === 'call' ? 'call of' : phase === 'result' ? 'result of' : 'list with';
  const observed = enforced === verdict ? '' : ` (the rules say ${verdict}; they only observe)`;
  const inPlay = context.integrity === 'trusted' ? '' : ', untrusted content in play';
  return `${what} ${name}${toolClass === '' ? '' : ` (${toolClass})`}${inPlay}: ${enforced}${observed}, by ${rule}`;
}

function argumentLines({ args }: Question, { judgement }: Answer): string[] {
  const leaves = judgement?.provenance?.leaves([]) ?? [];
  if (leaves.length === 0)
    return [Object.keys(args ?? {}).length === 0 ? 'No arguments' : 'Arguments: nothing but null'];
  const values = leaves.map((leaf) => {
    const what = leaf.name ? `the name ${shownValue(leaf.value)}` : shownValue(leaf.value);
    return `  ${leaf.pointer}  ${what}  ${originWords(leaf)}`;
  });
  return ['Arguments', ...values];
}

function ruleLines(answers: readonly RuleAnswer[]): string[] {
  if (answers.length === 0) return ['No rule speaks of this tool; the built-in ones decide'];
  return [
    'Rules',
    ...answers.flatMap((one) => {
      const mode = one.mode === 'observe' ? ', only observes' : '';
      const head = `  ${SIGNS[String(one.holds)]} ${one.id}  ${one.action}${mode}`;
      if (one.condition === undefined) {
        const why =
          one.holds === true
            ? 'applies: the default of its policy'
            : 'the default, gives way to a condition that counts';
        return [`${head}  (${why})`];
      }
      const held =
        one.holds === undefined ? 'cannot be evaluated, which refuses' : one.holds ? 'holds' : 'does not hold';
      return [
        `${head}  ${held}: ${one.condition}`,
        ...one.asked.flatMap(({ text, answer, unvouched }) => [
          `      ${text} is ${answer}${unvouched.length === 0 ? '' : ':'}`,
          ...unvouched.map((leaf) => `        ${leaf.pointer} is ${originWords(leaf)}`),
        ]),
      ];
    }),
  ];
}

const SIGNS: Readonly<Record<string, string>> = { true: '✓', false: '–', undefined: '!' };

/** What would have let a refused call pass, the least first. */
function wayLines(question: Question, rules: CompiledRules, decision: ToolDecision): string[] {
  if (decision.enforced === 'allow') return [];
  const ways = waysThrough(question, rules, decision);
  const none = 'nothing about this call: its rules refuse it whatever its arguments and context';
  return ['It would have passed', ...(ways.length === 0 ? [none] : ways).map((way) => `  ${way}`)];
}

/** Changes to a call, one at a time and then together, with which its rules let it pass. */
export function waysThrough(question: Question, rules: CompiledRules, decision: ToolDecision): string[] {
  const ways: string[] = [];
  const passes = (other: Question) => ask(other, rules.snapshot).decision.enforced === 'allow';
  if (decision.enforced === 'ask') ways.push('with a person’s approval of exactly this call');
  const unknown = (judge(question, rules.snapshot).provenance?.leaves([]) ?? []).filter(
    (leaf) => !leaf.endorsed && (leaf.origin !== 'typed' || leaf.label.integrity === 'untrusted'),
  );
  const tops = [...new Set(unknown.map((leaf) => childPointer('', pointerTokens(leaf.pointer)[0] ?? '')))];
  const least = tops.find((top) => passes(typed(question, [top])));
  const enough =
    least !== undefined
      ? [least]
      : passes(typed(question, tops))
        ? shrunk(tops, (some) => passes(typed(question, some)))
        : [];
  if (enough.length > 0) ways.push(`with ${enough.join(' and ')} typed by a human`);
  const endorsable = unknown.filter((leaf) => enough.some((top) => isUnder(leaf, top)) && !leaf.name);
  const pointers = endorsable.map(({ pointer }) => pointer);
  if (pointers.length > 0 && passes(endorsed(question, pointers))) {
    const least = shrunk(pointers, (some) => passes(endorsed(question, some)));
    ways.push(`with ${least.join(' and ')} endorsed by a person`);
  }
  if (question.context.integrity === 'untrusted') {
    const clean = { ...question, context: TRUSTED };
    if (passes(clean)) ways.push('in a run into which nothing untrusted had come');
    else if (enough.length === 0 && passes(typed(clean, tops))) {
      ways.push(`in a run into which nothing untrusted had come, with ${tops.join(' and ')} typed by a human`);
    }
  }
  return ways;
}

function typed(question: Question, tops: readonly string[]): Question {
  const said = Object.fromEntries(tops.map((top) => [top, { origin: 'typed' as const }]));
  const told = tellOrigins(question.args, said, question.context);
  const covered = (pointer: string) => tops.some((top) => pointer === top || pointer.startsWith(`${top}/`));
  const origins = [
    ...question.origins.filter(({ pointer }) => !covered(pointer)),
    ...told.origins.filter(({ pointer }) => covered(pointer)),
  ];
  const tainted = new Map([...question.vouching.tainted].filter(([pointer]) => !covered(pointer)));
  return { ...question, origins, vouching: { ...question.vouching, tainted } };
}

function endorsed(question: Question, pointers: readonly string[]): Question {
  const all = new Set([...question.vouching.endorsed, ...pointers]);
  return { ...question, vouching: { ...question.vouching, endorsed: all } };
}

// Leaves out, one after the other, what the rest passes without.
function shrunk(all: readonly string[], passes: (some: readonly string[]) => boolean): string[] {
  let kept = [...all];
  for (const one of all) {
    const rest = kept.filter((other) => other !== one);
    if (rest.length > 0 && passes(rest)) kept = rest;
  }
  return kept;
}

function isUnder({ pointer }: Leaf, top: string): boolean {
  return pointer === top || pointer.startsWith(`${top}/`);
}

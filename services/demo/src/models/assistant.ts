import {
  type AnsweredCall,
  answeredCalls,
  type Conversation,
  lastUserText,
  offeredName,
  plainName,
  type Reply,
  type ScriptedModel,
  say,
  sinceLastUser,
} from './conversation.ts';
import { extract } from './extraction.ts';
import { obey } from './injection.ts';
import { plans } from './plans.ts';
import { describeFields, isRecord, type Outcome, outcomeOf, speak } from './results.ts';

/** How often a call that was "not run" beside a refused one is tried again before the assistant gives up. */
const MAX_TRIES = 2;

interface Attempt {
  readonly answered: AnsweredCall;
  readonly tool: string;
  readonly outcome: Outcome;
}

/**
 * `demo-assistant`: helpful, polite and obedient to whoever's text it reads, which is what makes it worth guarding.
 * It reads mail and calendar through the tools it is offered, obeys an injected instruction at once, and says so when a call was refused.
 */
export const assistant: ScriptedModel = (conversation) => {
  const order = obey(conversation);
  if (order !== undefined) return order;
  const attempts = answeredCalls(sinceLastUser(conversation.messages)).map(attempt);
  const again = retry(attempts);
  if (again !== undefined) return again;

  const request = lastUserText(conversation.messages);
  const plan = plans.find((candidate) => candidate.applies.test(request));
  const refused = attempts.filter(({ outcome }) => outcome.kind === 'refused');
  if (plan !== undefined && refused.every(({ tool }) => tool === 'send_mail' && plan.needs !== 'send_mail')) {
    const started =
      attempts.some(({ tool }) => tool === plan.needs) || offeredName(conversation.tools, plan.needs) !== undefined;
    const next = started ? plan.next(conversation, resultsByTool(attempts), request) : undefined;
    if (next !== undefined) return next;
  }
  if (conversation.answerSchema !== undefined)
    return say(JSON.stringify(extract(conversation.answerSchema, visibleText(conversation))));
  return say(compose(attempts, request, plan !== undefined));
};

function attempt(answered: AnsweredCall): Attempt {
  const { call, result } = answered;
  const outcome: Outcome = result === undefined ? { kind: 'skipped' } : outcomeOf(result.text, result.isError ?? false);
  return { answered, tool: plainName(call.name), outcome };
}

/** Asks again for calls that were left out only because a call beside them was refused. */
function retry(attempts: readonly Attempt[]): Reply | undefined {
  const open = attempts.filter(({ outcome, answered }) => {
    if (outcome.kind !== 'skipped') return false;
    const same = attempts.filter((other) => signature(other) === signature({ answered }));
    return same.length < MAX_TRIES && same.every((other) => other.outcome.kind === 'skipped');
  });
  if (open.length === 0) return undefined;
  return {
    text: '',
    toolCalls: open.map(({ answered: { call } }) => ({ name: call.name, arguments: call.arguments })),
  };
}

function signature({ answered: { call } }: Pick<Attempt, 'answered'>): string {
  return `${call.name} ${JSON.stringify(call.arguments)}`;
}

/** Values by tool, in order. A tool that was refused counts as used, with no values, so that a plan does not ask for it again. */
function resultsByTool(attempts: readonly Attempt[]): Map<string, unknown[]> {
  const results = new Map<string, unknown[]>();
  for (const { tool, outcome } of attempts) {
    const values = results.get(tool) ?? [];
    if (outcome.kind === 'done') values.push(outcome.value);
    results.set(tool, values);
  }
  return results;
}

function compose(attempts: readonly Attempt[], request: string, wantedTools: boolean): string {
  const found = describe(attempts);
  const refusals = attempts.flatMap(({ tool, outcome }) =>
    outcome.kind === 'refused' ? [`I could not use ${tool}: ${outcome.reason}`] : [],
  );
  const parts = [...found, ...new Set(refusals)];
  if (parts.length > 0) return parts.join('\n');
  const topic = request.replace(/\s+/g, ' ').trim().slice(0, 120);
  if (wantedTools) return `I have no tool for that here, so I cannot do it: "${topic}".`;
  return topic === ''
    ? 'Hello! What can I do for you?'
    : `Happy to help with "${topic}". In short: it depends, and I would start with the simplest step.`;
}

/** Says what the tools returned: mails line by line, anything else as named fields. */
function describe(attempts: readonly Attempt[]): string[] {
  const done = attempts.flatMap(({ tool, outcome }) =>
    outcome.kind === 'done' ? [{ tool, value: outcome.value }] : [],
  );
  const read = done.filter(({ tool }) => tool === 'read_mail');
  const shown = read.length > 0 ? done.filter(({ tool }) => tool !== 'list_mails') : done;
  return shown.flatMap(({ tool, value }) => {
    const mails = isRecord(value) && Array.isArray(value.mails) ? value.mails : [value];
    if (mails.every((mail) => isRecord(mail) && mail.subject !== undefined && mail.from !== undefined)) {
      return mails.map((mail) => `- ${mailLine(mail)}`);
    }
    const fields = describeFields(value).join('; ');
    return [`${tool}: ${fields}`];
  });
}

function mailLine(mail: Record<string, unknown>): string {
  const body = typeof mail.body === 'string' ? `: ${mail.body.split(/(?<=[.?!])\s/)[0]}` : '';
  return `${speak(mail.subject)} (from ${speak(mail.from)})${body}`;
}

function visibleText({ messages }: Conversation): string {
  return messages
    .filter(({ role }) => role === 'user' || role === 'tool')
    .map(({ text }) => text)
    .join('\n');
}

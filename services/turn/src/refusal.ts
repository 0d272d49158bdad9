import type { Decision } from './decision.ts';
import { SIDE_EFFECT_RULE } from './decision.ts';

/** Stable codes of refusals; they stand in the text, in records and in metrics. */
export type RefusalCode =
  | 'policy_denied'
  | 'untrusted_in_play'
  | 'approval_required'
  | 'approval_rejected'
  | 'approval_expired'
  | 'policy_unavailable'
  | 'audit_unavailable'
  | 'quarantine_unavailable'
  | 'no_such_tool'
  | 'tool_changed'
  | 'invalid_arguments'
  | 'handle_refused'
  | 'not_connected'
  | 'step_limit'
  | 'rate_limited'
  | 'result_withheld'
  | 'tool_unavailable'
  | 'key_used'
  | 'tool_failed'
  | 'cancelled'
  | 'not_run';

/** A refusal for a model: the code, and a text made of rule-owned words only. */
export type Refusal = { readonly code: RefusalCode; readonly text: string };

const TEXTS: Readonly<Record<RefusalCode, string>> = {
  policy_denied: 'This call is not allowed. Do not try it again in another form.',
  untrusted_in_play:
    'This call is not allowed while content from untrusted sources is in play. Go on without it, or tell the user what you would have done.',
  approval_required: 'This call waits for an approval. It has not been made.',
  approval_rejected: 'The approval of this call was refused. Do not try it again.',
  approval_expired:
    'This call was not approved in time, or what it was approved for has changed. It has not been made.',
  policy_unavailable: 'This call could not be checked, so it was not made. It may be tried again later.',
  audit_unavailable: 'This call could not be recorded, so it was not made. It may be tried again later.',
  quarantine_unavailable: 'The result could not be read safely, so it is not shown. The call was made.',
  no_such_tool: 'There is no such tool.',
  tool_changed: 'The definition of this tool has changed and waits for review. The call was not made.',
  invalid_arguments: 'The arguments of this call are not valid JSON for this tool. The call was not made.',
  handle_refused: 'A handle in this call is unknown or stands where none may stand. The call was not made.',
  not_connected:
    'This tool needs an account of the user at its server, which they have not connected, or not for this. The call was not made.',
  step_limit: 'No steps are left in this run. The call was not made.',
  rate_limited: 'A limit on calls of this tool is used up. The call was not made; it may be tried again later.',
  result_withheld: 'The result of this call is withheld by a rule. The call was made.',
  tool_unavailable: 'The server of this tool cannot be called now. The call was not made; it may be tried again later.',
  key_used:
    'The idempotency key of this call stands for another call, or for one of which nobody knows whether it was made. This one was not made.',
  tool_failed: 'The tool reported an error. Its text is not shown because its source is untrusted.',
  cancelled: 'The run was stopped before a result of this call was known.',
  not_run:
    'This call was not run because another call made together with it was refused. Make it again if you still need it.',
};

const MAX_REASON = 300;
const MAX_LINK = 4_096;
const MAX_NAME = 120;

// A rule's own words may carry line breaks or control characters from its YAML; a model sees one plain line.
function oneLine(text: string, max: number): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return (plain.length > max ? `${plain.slice(0, max)}…` : plain).toWellFormed();
}

/** Makes a refusal from a code, and from the rule and reason of a decision where they explain it. */
export function refusal(code: RefusalCode, decision?: Pick<Decision, 'rule' | 'reason'>): Refusal {
  const explained = code === 'policy_denied' || code === 'result_withheld' || code === 'approval_required';
  const why =
    explained && decision !== undefined
      ? ` Rule ${oneLine(decision.rule, MAX_NAME)}: ${oneLine(decision.reason, MAX_REASON)}`
      : '';
  return { code, text: `[${code}] ${TEXTS[code]}${why}` };
}

/** Name of the rule of a decision that people took: they said no. */
export const APPROVAL_REJECTED_RULE = 'builtin/approval-rejected';
/** Name of the rule of a decision that nobody took in time, or that was void when it was to be used. */
export const APPROVAL_EXPIRED_RULE = 'builtin/approval-expired';

/** Built-in rules that have a text of their own; the names are policy's and the turn loop's. */
const CODES: Readonly<Record<string, RefusalCode>> = {
  [SIDE_EFFECT_RULE]: 'untrusted_in_play',
  'builtin/invalid-arguments': 'invalid_arguments',
  'builtin/handle': 'handle_refused',
  'builtin/definition-drift': 'tool_changed',
  'builtin/undecided': 'policy_unavailable',
  [APPROVAL_REJECTED_RULE]: 'approval_rejected',
  [APPROVAL_EXPIRED_RULE]: 'approval_expired',
};

/**
 * The refusal of a call by its decision. A hidden tool looks as if it were not there (DESIGN §8: an AccessPolicy denial
 * looks like not-found), a denied one explains itself.
 */
export function refusalOf(decision: Decision): Refusal {
  const acting = decision.enforcedBy ?? decision;
  if (decision.enforced === 'ask') return refusal('approval_required', acting);
  if (decision.enforced === 'hide' && acting.rule !== SIDE_EFFECT_RULE) return refusal('no_such_tool');
  const code = Object.hasOwn(CODES, acting.rule) ? CODES[acting.rule] : undefined;
  if (code !== undefined) return refusal(code);
  return refusal('policy_denied', acting);
}

/** What a model is told of a call that was held back only because another of its batch was refused. */
export function notRun(): Refusal {
  return refusal('not_run');
}

/** The refusal of a call that goes with an account of the user: the gate's own page, where they can connect it. */
export function notConnected(link: string | undefined): Refusal {
  const { code, text } = refusal('not_connected');
  if (link === undefined) return { code, text };
  const where = `They can connect it at ${oneLine(link, MAX_LINK)} . After that, make exactly the same call again.`;
  return { code, text: `${text} ${where}` };
}

/** The text that ends a turn whose calls were refused as often as the gate asks again. */
export function finalText(refusals: readonly Refusal[]): string {
  const codes = [...new Set(refusals.map((one) => one.code).filter((code) => code !== 'not_run'))].sort();
  const list = codes.length === 0 ? '' : ` (${codes.join(', ')})`;
  return `I could not finish this: the actions it needs are not allowed here${list}. Nothing of them was carried out.`;
}

/** An approval that a turn waits for: its id, and the gate's own page, which names it without granting it. */
export type AwaitedApproval = { readonly id: string; readonly link?: string };

/** The text that ends a turn which waits for approvals. */
export function approvalText(approvals: readonly AwaitedApproval[]): string {
  const ids = approvals.map(({ id }) => oneLine(id, MAX_NAME)).join(', ');
  const links = approvals.flatMap(({ link }) => (link === undefined ? [] : [oneLine(link, MAX_REASON)]));
  const where = links.length === 0 ? '' : ` It can be answered at ${links.join(' and ')} .`;
  const what = approvals.length === 1 ? 'an approval' : 'approvals';
  return `This needs ${what} before it can go on (${ids}).${where} Nothing of it was carried out. After that, ask again.`;
}

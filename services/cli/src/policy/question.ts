import { create } from '@bufbuild/protobuf';
import {
  type CallFields,
  type CallJudgement,
  decideTools,
  judgeCalls,
  type OriginFields,
  type ToolDecision,
} from '@sallyport/policy/evaluate';
import { decideResult } from '@sallyport/policy/evaluate-result';
import type { Vouching } from '@sallyport/policy/rules/provenance';
import { grantedReason } from '@sallyport/policy/rules/reasons';
import type { ToolRefFields } from '@sallyport/policy/rules/tool';
import type { Snapshot } from '@sallyport/policy/snapshot/tenant';
import { ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import { type Principal, Principal_Kind, PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import type { JsonValue } from '@sallyport/turn/canonical-json';
import type { Mode } from '@sallyport/turn/decision';
import { childPointer } from '@sallyport/turn/json-pointer';
import type { Label } from '@sallyport/turn/label';

/** What is put to the rules: one call, one result, or whether a tool is shown. */
export interface Question {
  readonly phase: 'call' | 'result' | 'list';
  readonly principal: Principal;
  readonly tool: ToolRefFields;
  readonly context: Label;
  readonly args: JsonValue;
  readonly origins: readonly OriginFields[];
  readonly vouching: Vouching;
  /** A person approved exactly this call. */
  readonly approved: boolean;
  readonly posture: Mode;
  /** Of a result. */
  readonly structured?: JsonValue;
  readonly isError?: boolean;
}

/** What the rules answer. */
export interface Answer {
  readonly decision: ToolDecision;
  /** Of a result: what is handed on counts as trusted. */
  readonly trusted?: boolean;
  /** Of a call: what the decision was made of. */
  readonly judgement?: CallJudgement;
}

/** Asks the rules. */
export function ask(question: Question, snapshot: Snapshot): Answer {
  const { phase, principal, context, posture, tool } = question;
  const setting = { snapshot, posture };
  if (phase === 'list')
    return { decision: decideTools({ principal, context, tools: [tool] }, setting)[0] as ToolDecision };
  if (phase === 'result') {
    const resultJson = question.structured === undefined ? '' : JSON.stringify(question.structured);
    const argumentsJson = JSON.stringify(question.args);
    const isError = question.isError ?? false;
    const asked = { principal, tool, argumentsJson, resultJson, isError, sizeBytes: resultJson.length };
    const { decision, label } = decideResult(asked, setting);
    return { decision, trusted: label.integrity === 'trusted' };
  }
  const judgement = judge(question, snapshot);
  const { decision } = judgement;
  if (!question.approved || decision.enforced !== 'ask') return { decision, judgement };
  const reason = grantedReason(decision.reason, 'approval');
  return { decision: { ...decision, verdict: 'allow', enforced: 'allow', reason }, judgement };
}

/** Judges the call of a question, whatever a person approved. */
export function judge(question: Question, snapshot: Snapshot): CallJudgement {
  const { principal, context, posture, vouching } = question;
  const calls: CallFields[] = [
    { tool: question.tool, argumentsJson: JSON.stringify(question.args), origins: question.origins },
  ];
  return judgeCalls({ principal, context, calls, vouching: [vouching] }, { snapshot, posture })[0] as CallJudgement;
}

/** A tool of a tool server. */
export function brokeredTool(server: string, name: string): ToolRefFields {
  return { kind: ToolRef_Kind.BROKERED, server, serverUid: '', owner: '', name, digest: '' };
}

/** Somebody who asks; what is not said is empty. */
export function principalNamed(
  tenant: string,
  said: Partial<Pick<Principal, 'user' | 'teams' | 'customer' | 'client' | 'name' | 'origin' | 'tags'>>,
): Principal {
  // Who asks is in all teams that are said: a key's owner bounds it otherwise.
  const userTeams = said.teams ?? [];
  const key = { tenant, kind: Principal_Kind.KEY, id: 'key:example', keyId: 'example', userTeams };
  return create(PrincipalSchema, { ...key, ...said });
}

/** Pointers of the values in arguments: what is neither an object nor a list, and those that are empty. */
export function leafPointers(value: JsonValue, at = ''): string[] {
  if (value === null || typeof value !== 'object') return [at];
  const children: [string | number, JsonValue][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  if (children.length === 0) return at === '' ? [] : [at];
  return children.flatMap(([key, child]) => leafPointers(child, childPointer(at, key)));
}

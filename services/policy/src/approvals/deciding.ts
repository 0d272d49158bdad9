import { GatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { isOfAnswer } from '@sallyport/turn/answers';
import { join, type Label } from '@sallyport/turn/label';
import {
  type CallFields,
  type CallJudgement,
  judgeCalls,
  type OriginFields,
  type Setting,
  type ToolDecision,
  toolsOf,
} from '../evaluate.ts';
import { isKnown, NO_VOUCHING, type Vouching } from '../rules/provenance.ts';
import { grantedReason } from '../rules/reasons.ts';
import type { KnownTool, ToolRefFields } from '../rules/tool.ts';
import type { Kept, KeptLookup } from '../trajectories/kept.ts';
import type { ApprovalContent } from './approval.ts';
import { approversOf, valuesOf } from './asked.ts';
import {
  argumentOf,
  type BoundCall,
  bindingDigests,
  callDigests,
  type Digests,
  endorsementDigests,
} from './digests.ts';
import type { EndorsementStore } from './endorsement-store.ts';
import { recordOf } from './record.ts';
import type { ApprovalStore, NewApproval, OpenApproval } from './store.ts';

/** Calls of one model message, as they came over the wire. */
export interface CallBatch {
  readonly principal: Principal;
  readonly trajectory: string;
  readonly context: Label;
  readonly calls: readonly (CallFields & { readonly useId?: string })[];
}

/** A judgement after all that is kept about values and calls was looked up. */
export interface Settled extends CallJudgement {
  readonly vouching: Vouching;
  /** Context of the batch, joined with what is kept of its run. */
  readonly context: Label;
}

/** Decides calls with what people said before, and asks them. */
export interface Deciding {
  /** Decides; approvals of exactly these calls are used up. */
  decide(batch: CallBatch, setting: Setting): Promise<readonly Settled[]>;
  /** Puts before people what a rule asks about; undefined where none does. */
  request(
    batch: CallBatch & { readonly turn: string },
    setting: Setting,
  ): Promise<readonly (OpenApproval | undefined)[]>;
}

/** Where what was said and seen is kept. */
export interface DecidingStores {
  readonly approvals: ApprovalStore;
  readonly endorsements: EndorsementStore;
  readonly kept: (lookup: KeptLookup) => Promise<Kept>;
}

// Of more values than this nobody looked at each one.
const MAX_ENDORSABLE = 256;
const NOT_LOOKED_UP: ReadonlySet<string> = new Set(['typed', 'system']);

/** Makes the part of policy that decides calls. */
export function createDeciding(
  stores: DecidingStores,
  digests: Digests,
  onOpened: (question: { tenant: string; id: string; content: ApprovalContent }) => void,
): Deciding {
  const judge = async (batch: CallBatch, setting: Setting): Promise<Settled[]> => {
    const { principal, trajectory } = batch;
    const asked = askedValues(batch, toolsOf(batch, setting));
    const fingerprints = [...new Set(asked.flat().flatMap((one) => one.fingerprints ?? []))];
    const { tenant, user } = principal;
    const kept = await stores.kept({ tenant, trajectory, user, fingerprints });
    const context = contextOf(batch, kept);
    const vouching = asked.map((origins) => vouchingOf(origins, kept));
    return judgeCalls({ ...batch, context, vouching }, setting).map((one, index) => ({
      ...one,
      context,
      vouching: vouching[index] as Vouching,
    }));
  };
  const withEndorsements = async (batch: CallBatch, setting: Setting, before: readonly Settled[]) => {
    const endorsed = await lookUpEndorsements(stores.endorsements, digests, batch, before);
    return again(batch, setting, before, endorsed.vouching).map((one, index): Settled => {
      const ids = endorsed.ids[index] ?? [];
      if (ids.length === 0 || one.decision.enforced !== 'allow') return one;
      const reason = grantedReason(before[index]?.decision.reason ?? '', 'endorsement');
      return { ...one, decision: { ...one.decision, reason, grantedBy: ids } };
    });
  };
  /** Uses up approvals of the calls among `of` that wait for a person. */
  const withApprovals = async (batch: CallBatch, settled: readonly Settled[], of: (index: number) => boolean) => {
    const waiting = settled.flatMap((one, index) => (one.decision.enforced === 'ask' && of(index) ? [index] : []));
    if (waiting.length === 0) return settled;
    const uses = waiting.map((index) => {
      const bound = boundCall(batch, index, settled[index] as Settled);
      return {
        bindings: bindingDigests(digests, bound),
        callDigests: callDigests(digests, bound),
        useId: useIdOf(batch, index),
      };
    });
    const ids = await stores.approvals.use(batch.principal.tenant, uses);
    return settled.map((one, index): Settled => {
      const id = ids[waiting.indexOf(index)];
      return id === undefined ? one : { ...one, decision: granted(one.decision, id) };
    });
  };

  return {
    async decide(batch, setting) {
      const judged = await judge(batch, setting);
      // What was approved for exactly this call goes first: it is used up, while endorsements stay.
      const approved = await withApprovals(batch, judged, () => true);
      const endorsed = await withEndorsements(batch, setting, approved);
      return withApprovals(batch, endorsed, (index) => judged[index]?.decision.enforced !== 'ask');
    },
    async request(batch, setting) {
      const settled = await withEndorsements(batch, setting, await judge(batch, setting));
      const nowMs = Date.now();
      const questions = settled.map((one, index): NewApproval | undefined => {
        if (one.decision.enforced !== 'ask') return undefined;
        return questionOf(digests, batch, index, one, nowMs);
      });
      const asked = questions.filter((one) => one !== undefined);
      if (asked.length === 0) return questions.map(() => undefined);
      const opened = await stores.approvals.open(batch.principal.tenant, asked);
      const { tenant } = batch.principal;
      opened.forEach((one, index) => {
        const content = asked[index]?.content;
        if (one.isNew && content !== undefined) onOpened({ tenant, id: one.id, content });
      });
      let next = 0;
      return questions.map((one) => (one === undefined ? undefined : opened[next++]));
    },
  };
}

// One use is of one call: a second call of the batch under the same id repeats nothing.
function useIdOf({ calls }: CallBatch, index: number): string {
  const useId = calls[index]?.useId ?? '';
  return calls.findIndex((call) => call.useId === useId) === index ? useId : '';
}

function granted(decision: ToolDecision, id: string): ToolDecision {
  const { asked: _, ...rest } = decision;
  return {
    ...rest,
    // What a stricter rule in Observe would have done stays said.
    verdict: decision.mode === 'observe' ? decision.verdict : 'allow',
    enforced: 'allow',
    reason: grantedReason(decision.reason, 'approval'),
    grantedBy: [id],
  };
}

/** Judges again those calls of which more is known now. */
function again(
  batch: CallBatch,
  setting: Setting,
  before: readonly Settled[],
  vouching: readonly Vouching[],
): Settled[] {
  const changed = before.map((one, index) => vouching[index] !== one.vouching);
  if (!changed.includes(true)) return [...before];
  // What only observes was counted by the first judgement.
  const { onObserved: _, ...quiet } = setting;
  const calls = batch.calls.filter((_call, index) => changed[index]);
  const context = before[0]?.context ?? batch.context;
  const asked = { ...batch, context, calls, vouching: vouching.filter((_one, index) => changed[index]) };
  const judged = judgeCalls(asked, quiet);
  let next = 0;
  return before.map((one, index) =>
    changed[index] ? { ...(judged[next++] as CallJudgement), context, vouching: vouching[index] as Vouching } : one,
  );
}

/**
 * What is in play: what the caller says, and what the run has read by now, in other turns too and on either plane. It is
 * read in one transaction with all else that the decision is made of, so no catching up can come before it. A run of
 * somebody else is as if it were absent.
 */
function contextOf({ principal, context }: CallBatch, { run }: Kept): Label {
  const own = run?.principalId === principal.id && run.user === principal.user;
  return own ? join(context, run.label) : context;
}

/** The origins of each call that are to be looked up: what was typed or authored is not, nor where it would not matter. */
function askedValues(batch: CallBatch, tools: readonly (KnownTool | undefined)[]) {
  return tools.map((tool, index) => {
    const told = batch.calls[index]?.origins ?? [];
    const matters =
      tool !== undefined &&
      (tool.toolClass !== 'read' ||
        told.some(({ pointer }) => isOfAnswer(pointer)) ||
        tool.policies.some((policy) =>
          policy.calls.some(({ when }) => typeof when === 'object' && when.uses.length > 0),
        ));
    // A form may be filled in by others than the user, and with what the server put into it.
    const doubtful = (one: OriginFields) => !NOT_LOOKED_UP.has(one.origin) || isOfAnswer(one.pointer);
    return matters ? told.filter((one) => doubtful(one) && (one.fingerprints?.length ?? 0) > 0) : [];
  });
}

/** The values among these that untrusted content brought before. */
function vouchingOf(asked: CallFields['origins'], { sources }: Kept): Vouching {
  const tainted = new Map<string, string>();
  for (const { pointer, fingerprints = [] } of asked) {
    const source = fingerprints.map((digest) => sources.get(digest)).find((hit) => hit !== undefined);
    if (source !== undefined) tainted.set(pointer, source);
  }
  return tainted.size === 0 ? NO_VOUCHING : { ...NO_VOUCHING, tainted };
}

/** Finds endorsements of values of those calls that are not simply allowed. */
async function lookUpEndorsements(
  store: EndorsementStore,
  digests: Digests,
  batch: CallBatch,
  judged: readonly Settled[],
): Promise<{ vouching: Vouching[]; ids: string[][] }> {
  const asked = judged.map(({ decision, args, provenance }, index) => {
    const tool = batch.calls[index]?.tool;
    // An approval was used up for it: judged again, a rule that endorsements do not answer would ask once more.
    if (decision.grantedBy !== undefined) return [];
    if (decision.verdict === 'allow' || args === undefined || provenance === undefined || tool === undefined) return [];
    const leaves = provenance.leaves([]).filter((leaf) => !leaf.name && !isKnown(leaf));
    if (leaves.length > MAX_ENDORSABLE) return [];
    return leaves.map((leaf) => ({
      pointer: leaf.pointer,
      digests: endorsementDigests(digests, batch.principal, tool, argumentOf(leaf.pointer, args), leaf.value).flat(),
    }));
  });
  const wanted = [...new Set(asked.flat().flatMap((one) => one.digests))];
  const unchanged = { vouching: judged.map((one) => one.vouching), ids: judged.map(() => []) };
  if (wanted.length === 0) return unchanged;
  const { tenant, userSinceMs } = batch.principal;
  const found = await store.find(tenant, batch.trajectory, wanted, userSinceMs);
  if (found.size === 0) return unchanged;
  const ids: string[][] = [];
  const vouching = judged.map((one, index) => {
    const endorsed = new Map<string, string>();
    for (const { pointer, digests: forms } of asked[index] ?? []) {
      const id = forms.map((form) => found.get(form)).find((hit) => hit !== undefined);
      if (id !== undefined) endorsed.set(pointer, id);
    }
    ids[index] = [...new Set(endorsed.values())].sort();
    return endorsed.size === 0 ? one.vouching : { ...one.vouching, endorsed: new Set(endorsed.keys()) };
  });
  return { vouching, ids };
}

function boundCall(batch: CallBatch, index: number, settled: Settled): BoundCall {
  const call = batch.calls[index];
  if (call?.tool === undefined || settled.tool === undefined || settled.args === undefined) {
    throw new GatewayError('internal', 'A call without a tool is asked about.');
  }
  return {
    principal: batch.principal,
    trajectory: batch.trajectory,
    tool: call.tool,
    args: settled.args,
    origins: call.origins,
    tainted: settled.vouching.tainted,
    context: settled.context,
    rules: settled.tool.revision,
  };
}

function questionOf(
  digests: Digests,
  batch: CallBatch & { readonly turn: string },
  index: number,
  settled: Settled,
  nowMs: number,
): NewApproval {
  const bound = boundCall(batch, index, settled);
  const { decision } = settled;
  const { approvers, needed, validMs, remindMs } = approversOf(settled.asking);
  const { principal, trajectory, turn } = batch;
  const id = uuidv7();
  const content = {
    turn,
    requester: principal,
    tool: refOf(bound.tool),
    toolClass: decision.toolClass,
    argumentsJson: batch.calls[index]?.argumentsJson ?? '',
    values: valuesOf(settled, bound.origins),
    rule: decision.rule,
    reason: decision.reason,
    policyRevision: decision.policyRevision,
    rules: bound.rules,
    context: settled.context,
    approvers,
    needed,
    validMs,
    remindMs,
  };
  const record = recordOf({ tenant: principal.tenant, id, trajectory, content, state: 'pending', atMs: nowMs });
  return {
    id,
    trajectory,
    callDigest: callDigests(digests, bound)[0],
    bindings: bindingDigests(digests, bound),
    content,
    expiresAtMs: nowMs + validMs,
    record,
  };
}

function refOf({ kind, server, serverUid, owner, name, digest }: ToolRefFields): ToolRefFields {
  return { kind, server, serverUid, owner, name, digest };
}

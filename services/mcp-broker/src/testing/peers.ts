import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import { labelOf, wireLabel } from '@sallyport/peers/decision-wire';
import type { CompletionService, LoopService } from '@sallyport/proto/models/v1/models_pb';
import { type ApprovalService, ApprovalState } from '@sallyport/proto/policy/v1/approval_pb';
import type { LimitService, LimitSubject } from '@sallyport/proto/policy/v1/limit_pb';
import {
  Action,
  type Call,
  type DecideResultRequest,
  type DecisionService,
  type Label,
  type Released,
  type TrajectoryService,
} from '@sallyport/proto/policy/v1/policy_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { ExtractRequest, QuarantineService } from '@sallyport/proto/quarantine/v1/quarantine_pb';
import type { CredentialService, ResolveRequest } from '@sallyport/proto/vault/v1/vault_pb';
import { join } from '@sallyport/turn';
import type { PinStore } from '../store.ts';

type Given<F> = F extends (...args: never[]) => Promise<infer R> ? R : never;
type Decided = NonNullable<Given<ServiceImpl<typeof DecisionService>['decideCalls']>['decisions']>[number];

/** Some fields of a principal. */
export type PrincipalParts = Omit<Partial<Principal>, '$typeName' | '$unknown'>;

/** What the played peers answer, for a test to change. */
export interface PeerState {
  /** Globs of AccessPolicy over `<server>/<tool>`. */
  grants: string[];
  /** Servers in stage Sandbox that each principal reviews, by its id. */
  reviews: Record<string, string[]>;
  /** Whether AccessPolicies have tools searched at /mcp. */
  searches: boolean;
  /** Globs of AccessPolicy over what servers have besides tools. */
  offered: { resources: string[]; prompts: string[] };
  /** Laid over the principal of a key. */
  principals: Record<string, PrincipalParts>;
  credential: string;
  /** What vault answers in place of `credential`; may throw. */
  resolve?: (request: ResolveRequest) => Given<ServiceImpl<typeof CredentialService>['resolve']>;
  readonly leases: { ref: string; kind: string; origin: string }[];
  shares: object[];
  /** What LimitService answers in place of `shares`. */
  lease?: (subject: LimitSubject | undefined) => Given<ServiceImpl<typeof LimitService>['lease']>;
  auditAway: boolean;
  decideCall: (call: Call, context: Label | undefined) => { verdict: Action; rule?: string; reason?: string };
  /** Happens while policy decides about calls. */
  whileDeciding?: () => Promise<void>;
  decideResult: (request: DecideResultRequest) => Given<ServiceImpl<typeof DecisionService>['decideResult']>;
  /** Calls that policy was asked about. */
  readonly decided: { call: Call; context: Label | undefined; trajectory: string }[];
  /** Runs by id: whose, and their label. */
  readonly runs: Map<string, { principalId: string; label: Label | undefined }>;
  readonly remembered: Released[];
  readonly handles: Map<string, { value: unknown; trajectory: string }>;
  /** Approvals by id. The id of a call's approval is `a:<canonical arguments>`. */
  readonly approvals: Map<string, { state: ApprovalState; principalId: string; trajectory: string }>;
  /** Ids of approvals that somebody waits for, or did. */
  readonly awaited: Set<string>;
  /** What quarantine was asked. */
  readonly extracted: ExtractRequest[];
  /** A turn of an agent that is the gateway's own. */
  runLoop: ServiceImpl<typeof LoopService>['run'];
  /** A call of a model without tools. */
  complete: ServiceImpl<typeof CompletionService>['complete'];
}

/** Has the peers allow everything again, as they do at first. */
export function allowAll(state: PeerState): void {
  Object.assign(state, {
    grants: ['*/*'],
    offered: { resources: ['*/*'], prompts: ['*/*'] },
    principals: {},
    decideCall: () => ({ verdict: Action.ALLOW }),
    decideResult: () => resultsOf(Action.ALLOW, false),
  });
}

/** Policy and quarantine by the rules of a test. */
export function playedPolicy(state: PeerState) {
  const decisions: ServiceImpl<typeof DecisionService> = {
    async decideCalls({ calls, principal, context: told, trajectory }) {
      await state.whileDeciding?.();
      const run = state.runs.get(trajectory);
      const kept = run?.principalId === principal?.id ? run?.label : undefined;
      const context = kept ? (wireLabel(join(labelOf(told), labelOf(kept))) as Label) : told;
      return {
        ...(context ? { context } : {}),
        decisions: calls.map((call): Decided => {
          state.decided.push({ call, context, trajectory });
          const { verdict: said, rule = 'test/rule', reason = 'the test says so' } = state.decideCall(call, context);
          const id = `a:${call.argumentsJson}`;
          const held = state.approvals.get(id);
          const granted =
            said === Action.ASK && held?.state === ApprovalState.APPROVED && held.trajectory === trajectory;
          if (granted && held) held.state = ApprovalState.USED;
          const verdict = granted ? Action.ALLOW : said;
          return { verdict, enforced: verdict, rule, reason, policyRevision: 'r1', toolClass: 'read' };
        }),
      };
    },
    // Here questions come by calls of their own.
    async *decide() {
      yield* [];
    },
    decideTools: async () => ({}),
    decideResult: async (request) => state.decideResult(request),
  };
  const trajectories: ServiceImpl<typeof TrajectoryService> = {
    async join({ principal, claimed, digests }) {
      const run = state.runs.get(claimed);
      const own = run?.principalId === principal?.id;
      if (!run || !own) return { trajectory: '', foreign: run !== undefined };
      const kept = state.remembered.filter(({ trajectory }) => trajectory === claimed).flatMap((one) => one.digests);
      const known = kept.filter(({ digest }) => digests.includes(digest));
      return { trajectory: claimed, known, ...(run.label ? { label: run.label } : {}) };
    },
    async remember({ released }) {
      for (const one of released) {
        state.remembered.push(one);
        state.runs.set(one.trajectory, { principalId: one.principalId, label: one.label });
      }
      return {};
    },
  };
  const quarantine: ServiceImpl<typeof QuarantineService> = {
    async extract(request) {
      const { tool } = request;
      state.extracted.push(request);
      const handle = { $handle: `h_${'a'.repeat(22)}`, type: 'string', from: tool, path: '/from' };
      return { answerJson: JSON.stringify({ urgent: true, from: handle }), handles: [handle.$handle] };
    },
    async resolveHandles({ handles, trajectory }) {
      const known = handles.flatMap((handle) => {
        const held = state.handles.get(handle);
        return held && held.trajectory === trajectory ? [{ handle, value: held.value }] : [];
      });
      return {
        values: known.map(({ handle, value }) => ({
          handle,
          valueJson: JSON.stringify(value),
          from: 'mail__read',
          path: '',
        })),
      };
    },
  };
  const approvals: ServiceImpl<typeof ApprovalService> = {
    async requestApprovals({ calls, principal, trajectory }) {
      return {
        approvals: calls.map(({ argumentsJson }) => {
          const id = `a:${argumentsJson}`;
          const held = state.approvals.get(id);
          if (held === undefined || held.state === ApprovalState.USED) {
            state.approvals.set(id, { state: ApprovalState.PENDING, principalId: principal?.id ?? '', trajectory });
          }
          return { id, expiresAtMs: Date.now() + 600_000 };
        }),
      };
    },
    async awaitApprovals({ ids }, { signal, deadlineMs = Date.now() }) {
      for (const id of ids) state.awaited.add(id);
      const states = () => ids.map((id) => state.approvals.get(id)?.state ?? ApprovalState.UNSPECIFIED);
      while (states().includes(ApprovalState.PENDING) && !signal.aborted && Date.now() < deadlineMs - 50) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return { states: states() };
    },
    listApprovals: async () => ({}),
    getApproval: async () => ({}),
    decideApproval: async () => ({}),
    listEndorsements: async () => ({}),
    revokeEndorsement: async () => ({}),
  };
  return { decisions, trajectories, quarantine, approvals };
}

/** A decision about a result. */
export function resultsOf(action: Action, trusted: boolean): ReturnType<PeerState['decideResult']> {
  return {
    decision: {
      verdict: action,
      enforced: action,
      rule: 'test/result',
      reason: 'the test says so',
      policyRevision: 'r1',
    },
    label: { trusted, sources: trusted ? [] : ['tool:test'], public: true },
    ...(action === Action.QUARANTINE
      ? { question: { model: 'reader', instruction: 'What is it about?', fields: [] } }
      : {}),
  };
}

/** Pins in memory. */
export function memoryPins(): PinStore {
  const servers = new Map<string, Map<string, string>>();
  return {
    async pin(tenant, uid, seen, reviewed) {
      const key = `${tenant}\n${uid}`;
      const pins = servers.get(key) ?? new Map<string, string>();
      servers.set(key, pins);
      for (const [tool, digest] of reviewed) pins.set(tool, digest);
      for (const [tool, digest] of seen) if (!pins.has(tool)) pins.set(tool, digest);
      return new Map(pins);
    },
  };
}

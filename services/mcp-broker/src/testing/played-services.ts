import { GatewayError } from '@sallyport/chassis/errors';
import { inProcess } from '@sallyport/chassis/rpc/testing';
import { CompletionService, LoopService } from '@sallyport/proto/models/v1/models_pb';
import { AccessGrant_ClientTools, AccessGrant_ToolList, AccessService } from '@sallyport/proto/policy/v1/access_pb';
import { ApprovalService } from '@sallyport/proto/policy/v1/approval_pb';
import { LimitService } from '@sallyport/proto/policy/v1/limit_pb';
import { Action, DecisionService, TrajectoryService } from '@sallyport/proto/policy/v1/policy_pb';
import { QuarantineService } from '@sallyport/proto/quarantine/v1/quarantine_pb';
import { type PeerState, playedPolicy, resultsOf } from './peers.ts';

/** Policy, quarantine and model-proxy as the state has them answer. */
export async function playServices(state: PeerState) {
  const policy = playedPolicy(state);
  const access = await inProcess(AccessService, {
    async resolveAccess({ principal }) {
      const clientTools = AccessGrant_ClientTools.DECIDE;
      const grant = {
        policy: 'test',
        models: [],
        tools: state.grants,
        ...state.offered,
        endpoints: ['*'],
        clientTools,
        toolList: state.searches ? AccessGrant_ToolList.SEARCH : AccessGrant_ToolList.ALL,
      };
      const reviewedServers = state.reviews[principal?.id ?? ''] ?? [];
      return { grants: [grant], reviewedServers, policyRevision: 'r1', cacheTtlMs: 0 };
    },
  });
  const decisions = await inProcess(DecisionService, policy.decisions);
  const approvals = await inProcess(ApprovalService, policy.approvals);
  const trajectories = await inProcess(TrajectoryService, policy.trajectories);
  const limits = await inProcess(LimitService, {
    async lease({ subject }) {
      if (state.lease !== undefined) return state.lease(subject);
      return { shares: state.shares, unlimited: state.shares.length === 0, limitRevision: '1' };
    },
    settle: async () => ({}),
  });
  const quarantine = await inProcess(QuarantineService, policy.quarantine);

  const turns = await inProcess(LoopService, {
    run: (request, context) => state.runLoop(request, context),
  });
  const completions = await inProcess(CompletionService, {
    complete: (request, context) => state.complete(request, context),
  });
  const all = [completions, access, decisions, approvals, trajectories, limits, quarantine, turns];
  return {
    access: access.client,
    decisions: decisions.client,
    approvals: approvals.client,
    trajectories: trajectories.client,
    limits: limits.client,
    quarantine: quarantine.client,
    turns: turns.client,
    completions: completions.client,
    close: () => Promise.all(all.map((one) => one.close())),
  };
}

/** Peers that allow everything and know nobody's runs. */
export function playedState(): PeerState {
  return {
    grants: ['*/*'],
    reviews: {},
    searches: false,
    offered: { resources: ['*/*'], prompts: ['*/*'] },
    principals: {},
    credential: 'upstream-secret-canary-0123456789',
    leases: [],
    shares: [],
    auditAway: false,
    decideCall: () => ({ verdict: Action.ALLOW }),
    decideResult: () => resultsOf(Action.ALLOW, false),
    decided: [],
    runs: new Map(),
    remembered: [],
    handles: new Map(),
    approvals: new Map(),
    awaited: new Set(),
    extracted: [],
    complete: async () => ({ text: 'Paris.', inputTokens: 10, outputTokens: 5, costNanoUsd: 1_000 }),
    // biome-ignore lint/correctness/useYield: there is nothing to say
    async *runLoop() {
      throw new GatewayError('unavailable', 'No turn was played.');
    },
  };
}

import { GatewayError } from '@sallyport/chassis/errors';
import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import type { AccessService } from '@sallyport/proto/policy/v1/access_pb';
import {
  Action,
  type Call,
  type DecisionService,
  type ToolRef,
  ToolRef_Kind,
} from '@sallyport/proto/policy/v1/policy_pb';
import type { Mode, Verdict } from '@sallyport/turn/decision';
import { type ResolvedAccess, resolveAccess } from './access.ts';
import type { Deciding } from './approvals/deciding.ts';
import { decisionStream } from './decision-stream.ts';
import { decideTools, type Setting, type ToolDecision } from './evaluate.ts';
import { decideResult, type ResultDecision } from './evaluate-result.ts';
import { readLabel, writeLabel } from './labels.ts';
import type { PolicyMetrics } from './metrics.ts';
import { principalOf } from './principal.ts';
import type { Snapshot } from './snapshot/tenant.ts';
import type { RememberShown } from './trajectories/showing.ts';
import type { Written } from './untrusted/written.ts';

/** Who may call what, by the service's name in its certificate. */
export const CALLERS = {
  'sallyport.policy.v1.AccessService': ['model-proxy', 'mcp-broker', 'console'],
  'sallyport.policy.v1.DecisionService': ['model-proxy', 'mcp-broker'],
  'sallyport.policy.v1.TrajectoryService': ['model-proxy', 'mcp-broker'],
  'sallyport.policy.v1.LimitService': ['model-proxy', 'mcp-broker'],
  'sallyport.policy.v1.ApprovalService/RequestApprovals': ['model-proxy', 'mcp-broker'],
  'sallyport.policy.v1.ApprovalService/AwaitApprovals': ['model-proxy', 'mcp-broker'],
  'sallyport.policy.v1.ApprovalService': ['console'],
} as const;

/** What the decision services are made of. */
export interface DecisionOptions {
  readonly snapshot: () => Snapshot | undefined;
  readonly posture: Mode;
  readonly accessCacheTtlMs: number;
  readonly metrics: PolicyMetrics;
  readonly deciding: Deciding;
  readonly written: Written;
  readonly rememberShown: RememberShown;
  readonly onObserved?: Setting['onObserved'];
}

/** What decisions are made with at this moment. */
export function settingOf({
  snapshot,
  posture,
  onObserved,
}: Pick<DecisionOptions, 'snapshot' | 'posture' | 'onObserved'>): Setting {
  return { snapshot: snapshot(), posture, ...(onObserved === undefined ? {} : { onObserved }) };
}

/**
 * A tool reference as policy takes it: a brokered tool is known by the UID of its ToolServer (DESIGN §8), and a name alone
 * could mean another server of that name, so without a UID it is as if no tool were named.
 */
function identified<T extends Identity>(tool: T | undefined): T | undefined {
  return tool?.kind === ToolRef_Kind.BROKERED && tool.serverUid === '' ? undefined : tool;
}
type Identity = Pick<ToolRef, 'kind' | 'serverUid'>;

/** Calls whose brokered tools are known by UID; the others are of no tool, which is refused. */
export function identifiedCalls(calls: readonly Call[]): Call[] {
  return calls.map((call) => {
    if (identified(call.tool) !== undefined || call.tool === undefined) return call;
    const { tool: _, ...rest } = call;
    return rest;
  });
}

const ACTIONS: Readonly<Record<Verdict, Action>> = {
  allow: Action.ALLOW,
  deny: Action.DENY,
  hide: Action.HIDE,
  ask: Action.ASK,
  quarantine: Action.QUARANTINE,
};

/** Who may use which models, tools and endpoints; `unavailable` while no snapshot was seen. */
export function accessService(options: DecisionOptions): ServiceImpl<typeof AccessService> {
  return {
    async resolveAccess(request) {
      const principal = principalOf(request);
      const snapshot = options.snapshot();
      if (snapshot === undefined) throw new GatewayError('unavailable', 'No policy is known yet.');
      return {
        ...written(resolveAccess(principal, snapshot.tenants.get(principal.tenant))),
        policyRevision: snapshot.revision,
        cacheTtlMs: options.accessCacheTtlMs,
      };
    },
  };
}

function written({ grants, bounds, staged }: ResolvedAccess) {
  const servers = [...(staged ?? [])];
  return {
    grants: [...grants],
    bounds: bounds.map((bound) => ({ of: bound.of, grants: [...bound.grants] })),
    reviewedServers: servers.flatMap(([server, reviews]) => (reviews ? [server] : [])),
    closedServers: servers.flatMap(([server, reviews]) => (reviews ? [] : [server])),
  };
}

/** Decides calls, tool lists and results. */
export function decisionService(options: DecisionOptions): ServiceImpl<typeof DecisionService> {
  const setting = () => settingOf(options);
  const service: ServiceImpl<typeof DecisionService> = {
    decide: (requests, context) => stream(requests, context),
    async decideCalls(request) {
      const principal = principalOf(request);
      const context = readLabel(request.context);
      const { trajectory } = request;
      const calls = identifiedCalls(request.calls);
      const settled = await options.deciding.decide({ principal, trajectory, context, calls }, setting());
      await options.written.labelCalls({ principal, trajectory, context, calls }, settled);
      for (const { decision } of settled) options.metrics.decided('call', decision);
      return {
        context: writeLabel(settled[0]?.context ?? context),
        decisions: settled.map(({ decision, vouching }) => ({
          ...writeDecision(decision),
          endorsed: [...vouching.endorsed],
          tainted: Array.from(vouching.tainted, ([pointer, source]) => ({ pointer, source })),
        })),
      };
    },
    async decideTools(request) {
      const principal = principalOf(request);
      const context = readLabel(request.context);
      const tools = request.tools.map(identified);
      const decisions = decideTools({ principal, context, tools }, setting());
      for (const decision of decisions) options.metrics.decided('list', decision);
      return { decisions: decisions.map(writeDecision), policyRevision: options.snapshot()?.revision ?? '' };
    },
    async decideResult(request) {
      const principal = principalOf(request);
      const fields = { ...request, principal, tool: identified(request.tool) };
      const decided = await options.written.distrust(fields, decideResult(fields, setting()));
      const { decision, label, quarantine } = decided;
      options.metrics.decided('result', decision);
      const { trajectory, showing } = request;
      return {
        remembered: await options.rememberShown({ principal, trajectory, showing, decided }),
        decision: writeDecision(decision),
        label: writeLabel(label),
        ...(quarantine === undefined ? {} : writeQuarantine(quarantine)),
      };
    },
  };
  const stream = decisionStream(service);
  return service;
}

// Said in the documentation of ToolPolicy.results[].quarantine.maxItems.
const DEFAULT_MAX_ITEMS = 20;

/** The question for the reading model, where one is to read, and what is shown of the structured result. */
function writeQuarantine({ spec, fields }: NonNullable<ResultDecision['quarantine']>) {
  const { model, instruction, fields: asked = [], list, maxItems = DEFAULT_MAX_ITEMS, fallbackModels = [] } = spec;
  const question =
    model === undefined || instruction === undefined
      ? undefined
      : {
          model,
          instruction,
          fallbackModels,
          eachRun: spec.reuse === 'Run',
          list,
          maxItems,
          fields: asked.map(({ name, type, values = [], description = '', many = false }) => ({
            name,
            type,
            values,
            description,
            many,
          })),
        };
  return {
    ...(question === undefined ? {} : { question }),
    presentation: {
      structured: spec.structured === 'Mask',
      bits: spec.bits ?? 0,
      fields: fields.map(({ path, type, values = [], trusted, maxLength = 0, lines }) => ({
        path,
        type,
        values,
        trusted,
        maxLength,
        lines,
      })),
    },
  };
}

function writeDecision(decision: ToolDecision) {
  return {
    verdict: ACTIONS[decision.verdict],
    enforced: ACTIONS[decision.enforced],
    observe: decision.mode === 'observe',
    rule: decision.rule,
    reason: decision.reason,
    policyRevision: decision.policyRevision,
    toolClass: decision.toolClass,
    asked: [...(decision.asked ?? [])],
    grantedBy: [...(decision.grantedBy ?? [])],
    handlePositions: [...(decision.handlePositions ?? [])],
  };
}

import { createHash } from 'node:crypto';
import { type AccessPolicySpec, accessPolicy } from '@sallyport/custom-resources/access-policy';
import { durationMs, nanoUsd } from '@sallyport/custom-resources/fields';
import { type LimitSpec, limit } from '@sallyport/custom-resources/limit';
import { model } from '@sallyport/custom-resources/model';
import {
  type ApproversSpec,
  type QuarantineSpec,
  type ToolPolicySpec,
  toolPolicy,
} from '@sallyport/custom-resources/tool-policy';
import {
  type LabelledObjectSpec,
  type ResultFieldSpec,
  type ToolServerSpec,
  toolServer,
} from '@sallyport/custom-resources/tool-server';
import { reviewedDigests } from '@sallyport/custom-resources/tool-server-pins';
import { isStaged } from '@sallyport/custom-resources/tool-server-stage';
import { unreadableAccess, unreadableLimit } from '@sallyport/custom-resources/unreadable';
import type { Item } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import type { Mode, ToolClass } from '@sallyport/turn/decision';
import { CALL_VARIABLES, type Condition, compileCondition, RESULT_VARIABLES } from '../rules/expression.ts';

/** Resource kinds that policy watches. */
export const KINDS = ['AccessPolicy', 'ToolPolicy', 'Limit', 'ToolServer', 'Model'] as const;
/** One of them. */
export type PolicyKind = (typeof KINDS)[number];

/** A rule's condition: none (always), compiled, or unusable, which counts as an error at each evaluation. */
export type When = undefined | Condition | 'unusable';

/** What rules on calls and on results have in common. */
export interface CompiledRule {
  /** "<policy>/<rule>". */
  readonly id: string;
  readonly when: When;
  readonly reason: string;
  /** Undefined: the mode of the policy. */
  readonly mode?: Mode;
  /** Percent of principals for whom it acts. */
  readonly rollout?: number;
  readonly priority?: number;
}

/** A rule on calls, compiled. */
export interface CompiledCallRule extends CompiledRule {
  readonly action: 'Allow' | 'Deny' | 'Ask' | 'Hide';
}

/** A rule on results, compiled. */
export interface CompiledResultRule extends CompiledRule {
  readonly action: 'Allow' | 'Quarantine' | 'Deny';
  readonly trusted: boolean;
  readonly question?: QuarantineSpec;
}

/** A ToolPolicy, compiled. */
export interface ToolPolicyUnit {
  readonly kind: 'ToolPolicy';
  readonly name: string;
  readonly uid: string;
  /** Digest of its spec: what was approved under it is void once it changes. */
  readonly revision: string;
  /** Undefined: the posture of the installation. */
  readonly mode?: Mode;
  /** What the named client or provider tools can do. */
  readonly toolClass?: ToolClass;
  readonly selects: Pick<ToolPolicySpec, 'tools' | 'clientTools' | 'providerTools'>;
  readonly calls: readonly CompiledCallRule[];
  readonly results: readonly CompiledResultRule[];
  /** Pointers of arguments that name a host or identifier and that a handle may fill all the same. */
  readonly handlePositions: readonly string[];
  /** Undefined: administrators. */
  readonly approvers?: ApproversSpec;
  /** Its spec could not be read: what it selects is denied. */
  readonly unusable: boolean;
}

/** An AccessPolicy. */
export interface AccessPolicyUnit {
  readonly kind: 'AccessPolicy';
  readonly name: string;
  readonly spec: AccessPolicySpec;
}

/** A ToolServer: which of its tools may be used at all, and what they can do. */
export interface ToolServerUnit {
  readonly kind: 'ToolServer';
  readonly name: string;
  readonly uid: string;
  /** Digest of its spec. */
  readonly revision: string;
  readonly defaultClass: ToolClass;
  readonly tools: ReadonlyMap<string, ServerToolUnit>;
  /** Set in stage Sandbox: who alone may use it. */
  readonly reviewers?: Reviewers;
}

/** Who reviews a tool server. */
export type Reviewers = NonNullable<ToolServerSpec['reviewers']>;

const NOBODY: Reviewers = { users: [], teams: [], clients: [], keys: [] };

/** What a ToolServer says of one of its tools. */
export interface ServerToolUnit {
  readonly toolClass: ToolClass;
  readonly digest?: string;
  readonly enabled: boolean;
  /** Fields of its structured result that are more than strings to be kept behind handles. */
  readonly fields: readonly ResultFieldSpec[];
  /** Objects that it writes or reads. */
  readonly objects: readonly LabelledObjectSpec[];
}

/** What a Limit bounds, by dimension; money in nano-USD. */
export type LimitBounds = ReadonlyMap<'requests' | 'tokens' | 'nano_usd' | 'steps' | 'concurrency', number>;

/** A Limit. */
export interface LimitUnit {
  readonly kind: 'Limit';
  readonly name: string;
  readonly uid: string;
  readonly match: LimitSpec['match'];
  readonly per: LimitSpec['per'];
  readonly bounds: LimitBounds;
  /** Undefined where nothing is counted by time. */
  readonly windowMs?: number;
  readonly failurePolicy: 'Open' | 'Closed';
  /** Its bounds could not be read: what it selects is refused. */
  readonly unusable: boolean;
}

/** A Model: only its public name counts here. */
export interface ModelUnit {
  readonly kind: 'Model';
  readonly name: string;
  readonly publicName: string;
}

/** One resource, ready for decisions. */
export type Unit = ToolPolicyUnit | AccessPolicyUnit | ToolServerUnit | LimitUnit | ModelUnit;

/** A compiled resource and what was wrong with it. */
export interface Compiled {
  /** Absent: nothing of it can be used, and leaving it out denies. */
  readonly unit?: Unit;
  readonly faults: readonly string[];
}

/** Compiles one resource. Never throws: faults name the place and what is denied because of them. */
export function compileUnit(kind: PolicyKind, item: Pick<Item, 'name' | 'uid' | 'specJson'>): Compiled {
  let json: unknown;
  try {
    json = JSON.parse(item.specJson);
  } catch {
    json = undefined;
  }
  switch (kind) {
    case 'ToolPolicy':
      return compileToolPolicy(item, digestOf(item.specJson), json);
    case 'AccessPolicy': {
      const spec = accessPolicy.spec.safeParse(json);
      if (spec.success) return usable({ kind, name: item.name, spec: spec.data });
      const left = unreadableAccess(json);
      const { faults } = unreadable(spec.error);
      if (left === undefined) return { faults };
      const said = 'until it can be read, those it may speak of have no functions that clients declare';
      return { unit: { kind, name: item.name, spec: left }, faults: [...faults, said] };
    }
    case 'ToolServer': {
      const spec = toolServer.spec.safeParse(json);
      if (!spec.success) return unreadable(spec.error);
      const digests = reviewedDigests(spec.data);
      const tools = spec.data.tools.map((tool) => {
        const { name, enabled } = tool;
        const digest = digests.get(name);
        const { fields = [], objects = [] } = tool;
        const known: ServerToolUnit = {
          toolClass: classOf(tool.class),
          enabled,
          fields,
          objects,
          ...(digest === undefined ? {} : { digest }),
        };
        return [name, known] as const;
      });
      const revision = digestOf(item.specJson);
      const defaultClass = classOf(spec.data.defaultClass);
      const named = new Set(tools.map(([name]) => name));
      for (const { name, digest } of spec.data.pins ?? []) {
        if (!named.has(name))
          tools.push([name, { toolClass: defaultClass, enabled: true, fields: [], objects: [], digest }]);
      }
      // One that names no reviewers is there for nobody, however it came to be.
      const staged = isStaged(spec.data) ? { reviewers: spec.data.reviewers ?? NOBODY } : {};
      const unit = { kind, name: item.name, uid: item.uid, revision, defaultClass, tools: new Map(tools), ...staged };
      return usable(unit);
    }
    case 'Limit': {
      const spec = limit.spec.safeParse(json);
      if (spec.success) return usable(limitUnit(item, spec.data));
      const unit = { ...limitUnit(item, { per: 'Tenant', ...unreadableLimit(json) }), unusable: true };
      const { faults } = unreadable(spec.error);
      return { unit, faults: [...faults, 'until it can be read, what it selects is refused'] };
    }
    case 'Model': {
      const spec = model.spec.safeParse(json);
      if (!spec.success) return unreadable(spec.error);
      return usable({ kind, name: item.name, publicName: spec.data.publicName ?? item.name });
    }
  }
}

function compileToolPolicy({ name, uid }: Pick<Item, 'name' | 'uid'>, revision: string, json: unknown): Compiled {
  const parsed = toolPolicy.spec.safeParse(json);
  if (!parsed.success) {
    return {
      unit: {
        kind: 'ToolPolicy',
        name,
        uid,
        revision,
        selects: EVERYTHING,
        calls: [],
        results: [],
        handlePositions: [],
        unusable: true,
      },
      faults: [...unreadable(parsed.error).faults, 'every tool call of the tenant is denied until it can be read'],
    };
  }
  const spec = parsed.data;
  const faults: string[] = [];
  const compile = (text: string | undefined, variables: readonly string[], at: string): When => {
    if (text === undefined || text.trim() === 'true') return undefined;
    try {
      return compileCondition(text, variables);
    } catch (error) {
      faults.push(`${at}: ${(error as Error).message}`);
      return 'unusable';
    }
  };
  const calls = spec.calls.map((rule, index) => ({
    id: `${name}/${rule.name}`,
    when: compile(rule.when, CALL_VARIABLES, `calls[${index}].when`),
    action: rule.action,
    reason: oneLine(rule.reason),
    ...sway(rule),
  }));
  const results = spec.results.map((rule, index) => ({
    id: `${name}/${rule.name}`,
    when: compile(rule.when, RESULT_VARIABLES, `results[${index}].when`),
    action: rule.action,
    trusted: rule.trust === 'Trusted',
    reason: oneLine(rule.reason ?? RESULT_REASONS[rule.action]),
    ...(rule.quarantine === undefined ? {} : { question: rule.quarantine }),
    ...sway(rule),
  }));
  const unit: ToolPolicyUnit = {
    kind: 'ToolPolicy',
    name,
    uid,
    revision,
    handlePositions: spec.handlePositions ?? [],
    selects: { tools: spec.tools, clientTools: spec.clientTools, providerTools: spec.providerTools },
    calls,
    results,
    unusable: false,
    ...(spec.approvers === undefined ? {} : { approvers: spec.approvers }),
    ...(spec.mode === undefined ? {} : { mode: modeOf(spec.mode) }),
    ...(spec.class === undefined ? {} : { toolClass: classOf(spec.class) }),
  };
  return { unit, faults };
}

const EVERYTHING: ToolPolicyUnit['selects'] = {
  tools: [{ server: '*', tool: '*' }],
  clientTools: [{ client: '*', tool: '*' }],
  providerTools: [{ provider: '*', type: '*' }],
};

const RESULT_REASONS = {
  Allow: 'A rule hands this result on.',
  Quarantine: 'A rule has this result read in quarantine.',
  Deny: 'A rule withholds this result.',
} as const;

function limitUnit(item: Pick<Item, 'name' | 'uid'>, spec: LimitSpec): LimitUnit {
  const bounds = new Map<'requests' | 'tokens' | 'nano_usd' | 'steps' | 'concurrency', number>();
  if (spec.requests !== undefined) bounds.set('requests', spec.requests);
  if (spec.tokens !== undefined) bounds.set('tokens', spec.tokens);
  if (spec.usd !== undefined) bounds.set('nano_usd', nanoUsd(spec.usd));
  if (spec.steps !== undefined) bounds.set('steps', spec.steps);
  if (spec.concurrency !== undefined) bounds.set('concurrency', spec.concurrency);
  return {
    kind: 'Limit',
    name: item.name,
    uid: item.uid,
    match: spec.match,
    per: spec.per,
    bounds,
    unusable: false,
    failurePolicy: spec.failurePolicy ?? (spec.usd === undefined ? 'Open' : 'Closed'),
    ...(spec.window === undefined ? {} : { windowMs: durationMs(spec.window) }),
  };
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function modeOf(word: 'Enforce' | 'Observe'): Mode {
  return word === 'Enforce' ? 'enforce' : 'observe';
}

// Whether, for whom and how loudly a rule speaks.
function sway(
  rule: Pick<ToolPolicySpec['calls'][number], 'mode' | 'rollout' | 'priority'>,
): Pick<CompiledRule, 'mode' | 'rollout' | 'priority'> {
  return {
    ...(rule.mode === undefined ? {} : { mode: modeOf(rule.mode) }),
    ...(rule.rollout === undefined ? {} : { rollout: rule.rollout }),
    ...(rule.priority === undefined ? {} : { priority: rule.priority }),
  };
}

function classOf(word: 'Read' | 'Write' | 'Egress' | 'Sensitive'): ToolClass {
  return word.toLowerCase() as ToolClass;
}

// Reasons reach models and records; they are one plain line whatever the YAML says.
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
}

function usable(unit: Unit): Compiled {
  return { unit, faults: [] };
}

function unreadable(error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] }): Compiled {
  return { faults: error.issues.map((issue) => `${issue.path.map(String).join('.') || 'spec'}: ${issue.message}`) };
}

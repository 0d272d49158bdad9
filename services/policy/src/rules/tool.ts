import { createHash } from 'node:crypto';
import type { LabelledObjectSpec, ResultFieldSpec } from '@sallyport/custom-resources/tool-server';
import { type ToolRef, ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import type { JsonValue } from '@sallyport/turn/canonical-json';
import type { ToolClass } from '@sallyport/turn/decision';
import { isOfferingCall, type Offering, type OfferingCall, offeringOf } from '@sallyport/turn/offering';
import { grantsAnything, grantsClientTools, grantsOffering, grantsTool, type ResolvedAccess } from '../access.ts';
import type { TenantRules } from '../snapshot/tenant.ts';
import type { ToolPolicyUnit, ToolServerUnit } from '../snapshot/units.ts';

/** The fields of a tool reference, as callers build it. */
export type ToolRefFields = Pick<ToolRef, 'kind' | 'server' | 'serverUid' | 'owner' | 'name' | 'digest'>;

/** A tool that may be used at all, with what ToolPolicies speak of it. */
export interface KnownTool {
  readonly toolClass: ToolClass;
  readonly policies: readonly ToolPolicyUnit[];
  /** What its ToolServer says of fields of its results; empty for tools of clients and providers. */
  readonly fields: readonly ResultFieldSpec[];
  /** Objects that it writes or reads, as its ToolServer names them; empty for tools of clients and providers. */
  readonly objects: readonly LabelledObjectSpec[];
  /** UID of its ToolServer, or empty. */
  readonly serverUid: string;
  /** Changes with anything that decides about its calls: policies, class, reviewed definition. */
  readonly revision: string;
  /** True: allowed only where a rule says so. */
  readonly needsAllow: boolean;
}

/** Why a tool may not be used, whatever rules say: an invariant, never covered by Observe (DESIGN §5). */
export interface RefusedTool {
  /** `hide`: to the model it looks as if the tool did not exist. */
  readonly verdict: 'hide' | 'deny';
  readonly rule: string;
  readonly reason: string;
}

/** Names of the built-in rules, as decisions and records cite them. */
export const BUILTIN = {
  noSnapshot: 'builtin/no-snapshot',
  notCaughtUp: 'builtin/not-caught-up',
  unknownTool: 'builtin/unknown-tool',
  access: 'builtin/access',
  drift: 'builtin/definition-drift',
  providerTool: 'builtin/provider-tool',
  arguments: 'builtin/invalid-arguments',
  untrustedArguments: 'builtin/untrusted-arguments',
  beyondJudging: 'builtin/beyond-judging',
  authorised: 'builtin/authorised',
  resultUntrusted: 'builtin/result-untrusted',
  noQuarantineModel: 'builtin/no-quarantine-model',
} as const;

// Strictest first: where several policies name a class, the one that refuses most counts.
const STRICTNESS: readonly ToolClass[] = ['sensitive', 'egress', 'write', 'read'];

/**
 * Finds a tool and checks that it may be used: with these arguments, where it stands for a method by which something else
 * than a tool is got. Without them, whether it may be with any.
 */
export function knowTool(
  tool: ToolRefFields | undefined,
  access: ResolvedAccess,
  rules: TenantRules,
  args?: JsonValue,
): KnownTool | RefusedTool {
  switch (tool?.kind) {
    case ToolRef_Kind.BROKERED:
      return brokeredTool(tool, access, rules, args);
    case ToolRef_Kind.CLIENT: {
      if (tool.name === '') return UNKNOWN;
      if (!grantsClientTools(access)) {
        return refused(
          'hide',
          BUILTIN.access,
          'No AccessPolicy lets this principal use functions that a client declares.',
        );
      }
      const policies = rules.client.find(tool.owner, tool.name);
      return ownedTool(policies, false);
    }
    case ToolRef_Kind.PROVIDER: {
      if (tool.name === '' || !grantsAnything(access)) return UNKNOWN;
      const policies = rules.provider.find(tool.owner, tool.name);
      return ownedTool(policies, true);
    }
    default:
      return UNKNOWN;
  }
}

/** Tells a refusal from a tool that rules decide on. */
export function isRefused(tool: KnownTool | RefusedTool): tool is RefusedTool {
  return 'verdict' in tool;
}

function brokeredTool(
  tool: ToolRefFields,
  access: ResolvedAccess,
  rules: TenantRules,
  args: JsonValue | undefined,
): KnownTool | RefusedTool {
  const server = rules.servers.get(tool.server);
  const known = server?.tools.get(tool.name);
  if (server === undefined || tool.name === '' || known?.enabled === false) return UNKNOWN;
  if (tool.serverUid !== '' && tool.serverUid !== server.uid) {
    return refused('hide', BUILTIN.unknownTool, 'The tool belongs to a ToolServer that was replaced by another one.');
  }
  const offering = isOfferingCall(tool.name) ? tool.name : undefined;
  const granted =
    offering === undefined
      ? grantsTool(access, tool.server, tool.name)
      : grantsCallOf(access, tool.server, offering, args);
  if (!granted) {
    const what = offering === undefined ? 'this tool' : 'this resource or prompt';
    return refused('hide', BUILTIN.access, `No AccessPolicy within the scope of the credential allows ${what}.`);
  }
  if (known?.digest !== undefined && bareDigest(known.digest) !== bareDigest(tool.digest)) {
    return refused('deny', BUILTIN.drift, 'The definition of the tool is not the reviewed one.');
  }
  const toolClass = known?.toolClass ?? classUnsaid(server, tool.name);
  const policies = rules.brokered.find(tool.server, tool.name);
  return {
    toolClass,
    policies,
    fields: known?.fields ?? [],
    objects: known?.objects ?? [],
    serverUid: server.uid,
    get revision() {
      return revisionOf(policies, toolClass, known?.digest);
    },
    needsAllow: false,
  };
}

function grantsCallOf(
  access: ResolvedAccess,
  server: string,
  call: OfferingCall,
  args: JsonValue | undefined,
): boolean {
  const anyOf = (dimension: Offering['dimension']) => grantsOffering(access, server, dimension, undefined);
  if (args !== undefined) {
    const offering = offeringOf(call, args);
    return offering !== undefined && grantsOffering(access, server, offering.dimension, offering);
  }
  if (call === 'resources/read') return anyOf('resources');
  return anyOf('prompts') || (call === 'completion/complete' && anyOf('resources'));
}

// What is got by a method is read, whatever the tools of the server do.
function classUnsaid(server: ToolServerUnit, tool: string): ToolClass {
  return isOfferingCall(tool) ? 'read' : server.defaultClass;
}

/** Revision of the rules on a tool as they are now, whoever wants to use it; undefined where there is no such tool. */
export function toolRevision(tool: ToolRefFields, rules: TenantRules): string | undefined {
  switch (tool.kind) {
    case ToolRef_Kind.BROKERED: {
      const server = rules.servers.get(tool.server);
      const known = server?.tools.get(tool.name);
      if (server === undefined || (tool.serverUid !== '' && tool.serverUid !== server.uid)) return undefined;
      const policies = rules.brokered.find(tool.server, tool.name);
      return revisionOf(policies, known?.toolClass ?? classUnsaid(server, tool.name), known?.digest);
    }
    case ToolRef_Kind.CLIENT:
      return ownedTool(rules.client.find(tool.owner, tool.name), false).revision;
    case ToolRef_Kind.PROVIDER:
      return ownedTool(rules.provider.find(tool.owner, tool.name), true).revision;
    default:
      return undefined;
  }
}

function ownedTool(policies: readonly ToolPolicyUnit[], needsAllow: boolean): KnownTool {
  const toolClass = declaredClass(policies);
  return {
    toolClass,
    policies,
    fields: [],
    objects: [],
    serverUid: '',
    get revision() {
      return revisionOf(policies, toolClass, undefined);
    },
    needsAllow,
  };
}

function revisionOf(policies: readonly ToolPolicyUnit[], toolClass: ToolClass, digest: string | undefined): string {
  const parts = [toolClass, digest ?? '', ...policies.map(({ name, revision }) => [name, revision]).sort()];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

// Undeclared functions of clients, and tools that a provider runs, can send anything anywhere (DESIGN §5).
function declaredClass(policies: readonly ToolPolicyUnit[]): ToolClass {
  const declared = new Set(policies.map((policy) => policy.toolClass));
  return STRICTNESS.find((one) => declared.has(one)) ?? 'egress';
}

function bareDigest(digest: string): string {
  return digest.replace(/^sha256:/, '');
}

function refused(verdict: RefusedTool['verdict'], rule: string, reason: string): RefusedTool {
  return { verdict, rule, reason };
}

/** What is said of a tool that is not known. */
export const UNKNOWN = refused('hide', BUILTIN.unknownTool, 'No such tool is known.');

import { createHash } from 'node:crypto';
import type { EndSignal } from '@sallyport/chassis/ending';
import type { Client } from '@sallyport/chassis/rpc/client';
import type { Soon } from '@sallyport/chassis/soon';
import {
  type AccessGrant,
  AccessGrant_ClientTools,
  AccessGrant_ToolList,
  type AccessService,
  type ResolveAccessResponse,
} from '@sallyport/proto/policy/v1/access_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Snapshot } from './snapshot.ts';
import { standingOf } from './standing.ts';

/** What a principal may use. Nothing is allowed that no AccessPolicy grants. */
export interface Access {
  /** Names of the AccessPolicies that select the principal. */
  readonly policies: readonly string[];
  readonly policyRevision: string;
  allowsModel(name: string): boolean;
  allowsTool(server: string, tool: string): boolean;
  /** Whether a resource, or a template of some, may be seen and read; by URI, as its server names it. */
  allowsResource(server: string, uri: string): boolean;
  allowsPrompt(server: string, prompt: string): boolean;
  /** Whether some resource or prompt of a server might be allowed, whatever its name. */
  allowsOfferings(server: string): boolean;
  /** Whether some tool of a server might be allowed, whatever its name. */
  allowsServer(server: string): boolean;
  /** Whether the principal reviews a server in stage Sandbox, which is there for its reviewers alone. */
  reviews(server: string): boolean;
  allowsEndpoint(endpoint: string): boolean;
  /** Whether a request may go to a provider as it is; `path` is that below its base URL, without escapes. */
  allowsPassthrough(provider: string, method: string, path: string): boolean;
  /** False where a policy that selects the principal denies client-declared tools; one is enough. */
  readonly clientTools: boolean;
  /** Whether /mcp lists two tools to search and call with, instead of all; one policy that says so is enough. */
  readonly searchesTools: boolean;
  /** Digest of all that says which tools are allowed: two that have the same allow the same. Worked out when first asked for. */
  readonly toolRights: string;
}

/** Access of principals, cached until AccessPolicy changes or the answer's time is over. */
export interface AccessCache {
  accessOf(principal: Principal, signal?: EndSignal): Soon<Access>;
}

const MAX_ENTRIES = 20_000;
/** For so long after a change policy may not have heard of it: its answers are kept briefly. */
const SETTLING_MS = 3_000;
const BRIEFLY_MS = 250;

/**
 * Asks policy once for a principal and matches names locally afterwards. An AccessPolicy delta in the snapshot drops
 * everything; so does an edit of the credential, or a change of what policies select its principal by: both are in the key.
 */
export function accessCache(options: {
  readonly client: Pick<Client<typeof AccessService>, 'resolveAccess'>;
  readonly snapshot: Pick<Snapshot, 'onChange'>;
  readonly timeoutMs?: number;
}): AccessCache {
  const entries = new Map<string, { access: Access; until: number }>();
  const asking = new Map<string, Promise<Access>>();
  let epoch = 0;
  let changedAt = Number.NEGATIVE_INFINITY;
  options.snapshot.onChange((kind) => {
    if (kind !== 'AccessPolicy' && kind !== 'ToolServer') return;
    epoch++;
    changedAt = performance.now();
    entries.clear();
    asking.clear();
  });

  const ask = async (key: string, principal: Principal): Promise<Access> => {
    const asked = epoch;
    const answer = await options.client.resolveAccess({ principal }, { timeoutMs: options.timeoutMs ?? 2_000 });
    const access = readAccess(answer);
    if (asked === epoch) {
      if (entries.size >= MAX_ENTRIES) entries.delete(entries.keys().next().value as string);
      const now = performance.now();
      const keepMs = now - changedAt < SETTLING_MS ? Math.min(answer.cacheTtlMs, BRIEFLY_MS) : answer.cacheTtlMs;
      entries.set(key, { access, until: now + keepMs });
    }
    return access;
  };

  return {
    accessOf(principal, signal) {
      const key = standingOf(principal);
      const held = entries.get(key);
      if (held && performance.now() < held.until) return held.access;
      let pending = asking.get(key);
      if (!pending) {
        const mine = ask(key, principal).finally(() => {
          if (asking.get(key) === mine) asking.delete(key);
        });
        pending = mine;
        asking.set(key, pending);
      }
      return pending.then((access) => {
        signal?.throwIfAborted();
        return access;
      });
    },
  };
}

/**
 * Reads policy's answer into matchers. Grants add up; within a grant each dimension stands alone. What the grants allow,
 * every bound must allow as well: a key's owner, each actor of a delegated chain.
 */
export function readAccess(
  answer: Pick<ResolveAccessResponse, 'grants' | 'bounds' | 'policyRevision'> &
    Partial<Pick<ResolveAccessResponse, 'reviewedServers' | 'closedServers'>>,
): Access {
  const sides = [answer.grants, ...answer.bounds.map((bound) => bound.grants)].map(sideOf);
  const all = (allows: (side: Side) => boolean) => sides.every(allows);
  const reviewed = new Set(answer.reviewedServers);
  const closed = new Set(answer.closedServers);
  const open = (server: string, allows: (side: Side) => boolean) => !closed.has(server) && all(allows);
  let toolRights: string | undefined;
  return {
    policies: answer.grants.map((grant) => grant.policy),
    policyRevision: answer.policyRevision,
    allowsModel: (name) => all((side) => side.models(name)),
    allowsTool: (server, tool) => open(server, (side) => side.tools(`${server}/${tool}`)),
    allowsResource: (server, uri) => open(server, (side) => side.resources(server, uri)),
    allowsPrompt: (server, prompt) => open(server, (side) => side.prompts(server, prompt)),
    allowsOfferings: (server) => open(server, (side) => side.offerings(server)),
    allowsServer: (server) => open(server, (side) => side.servers(server)),
    allowsEndpoint: (endpoint) => all((side) => side.endpoints(endpoint)),
    allowsPassthrough: (provider, method, path) => all((side) => side.passthrough(provider, method, path)),
    reviews: (server) => reviewed.has(server),
    clientTools: all((side) => side.clientTools),
    searchesTools: answer.grants.some((grant) => grant.toolList === AccessGrant_ToolList.SEARCH),
    get toolRights() {
      toolRights ??= rightsDigest(answer.grants, answer.bounds, [...reviewed], [...closed]);
      return toolRights;
    },
  };
}

function rightsDigest(
  grants: readonly AccessGrant[],
  bounds: readonly { readonly grants: readonly AccessGrant[] }[],
  reviewed: readonly string[],
  closed: readonly string[],
): string {
  const globs = (of: readonly AccessGrant[]) => [...new Set(of.flatMap(({ tools }) => tools))].sort();
  const sides = [globs(grants), ...bounds.map((bound) => globs(bound.grants))];
  const rights = JSON.stringify([sides, [...reviewed].sort(), [...closed].sort()]);
  return createHash('sha256').update(rights).digest('base64url');
}

type Side = {
  readonly models: (name: string) => boolean;
  readonly tools: (name: string) => boolean;
  readonly resources: (server: string, uri: string) => boolean;
  readonly prompts: (server: string, prompt: string) => boolean;
  readonly offerings: (server: string) => boolean;
  readonly servers: (name: string) => boolean;
  readonly endpoints: (name: string) => boolean;
  readonly passthrough: Access['allowsPassthrough'];
  readonly clientTools: boolean;
};

function sideOf(grants: readonly AccessGrant[]): Side {
  const tools = grants.flatMap((grant) => grant.tools);
  return {
    models: matcher(grants.flatMap((grant) => grant.models)),
    tools: matcher(tools),
    resources: offeringMatcher(grants.flatMap((grant) => grant.resources)),
    prompts: offeringMatcher(grants.flatMap((grant) => grant.prompts)),
    offerings: serverMatcher(grants.flatMap((grant) => [...grant.resources, ...grant.prompts])),
    servers: serverMatcher(tools),
    endpoints: matcher(grants.flatMap((grant) => grant.endpoints)),
    passthrough: passthroughMatcher(grants),
    clientTools: grants.length > 0 && grants.every((grant) => grant.clientTools === AccessGrant_ClientTools.DECIDE),
  };
}

/** Tells whether a principal may know of a tool server of its tenant: some tool of it might be theirs. */
export function mayKnowServer(
  { tools }: Pick<Principal, 'tools'>,
  access: Pick<Access, 'allowsServer'>,
  server: string,
) {
  return (tools.length === 0 || serverMatcher(tools)(server)) && access.allowsServer(server);
}

function passthroughMatcher(grants: readonly AccessGrant[]): Access['allowsPassthrough'] {
  const doors = grants.flatMap(({ passthrough, endpoints }) => {
    // Within a grant it is an endpoint like the others.
    const open = matcher(endpoints)('passthrough');
    return open ? passthrough.map(({ paths, ...door }) => ({ ...door, fits: matcher(paths) })) : [];
  });
  return (provider, method, path) =>
    doors.some((door) => door.provider === provider && door.methods.includes(method) && door.fits(path));
}

// Part by part: a URI has slashes of its own, and could look as if it began further on.
function offeringMatcher(globs: readonly string[]): (server: string, name: string) => boolean {
  const pairs = globs.map((glob) => {
    const at = glob.indexOf('/');
    return { server: matcher([glob.slice(0, at)]), name: matcher([glob.slice(at + 1)]) };
  });
  return (server, name) => pairs.some((pair) => pair.server(server) && pair.name(name));
}

/** Compiles globs over `<server>/<tool>` into a test of the server alone. */
function serverMatcher(globs: readonly string[]): (server: string) => boolean {
  return matcher(globs.map((glob) => (glob.includes('/') ? glob.slice(0, glob.indexOf('/')) : glob)));
}

/** Compiles globs (only `*`, any run of characters) into one linear-time test. */
export function matcher(globs: readonly string[]): (name: string) => boolean {
  if (globs.includes('*')) return () => true;
  const exact = new Set(globs.filter((glob) => !glob.includes('*')));
  const patterns = globs.filter((glob) => glob.includes('*')).map((glob) => glob.split('*'));
  return (name) => exact.has(name) || patterns.some((parts) => matchesParts(parts, name));
}

function matchesParts(parts: readonly string[], name: string): boolean {
  const first = parts[0] ?? '';
  const last = parts.at(-1) ?? '';
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false;
  let at = first.length;
  const end = name.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return at <= end;
}

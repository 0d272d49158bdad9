import type { FakeAuthorizationServer, TokenFacts } from './authorization-server.ts';
import type { RecordedRequest } from './listening.ts';
import {
  type FakeAnswer,
  type FakeToolServer,
  type FakeToolServerOptions,
  startFakeToolServer,
} from './tool-server.ts';

/** A tool server that wants tokens of an authorization server (RFC 9728, RFC 6750). */
export interface ProtectedTools extends FakeToolServer {
  /** Whose token came with each tool call that was let through, in order. */
  readonly callers: TokenFacts[];
  /** Laid over the protected-resource metadata. */
  readonly metadata: Record<string, unknown>;
  /** Refuses all tokens, the good ones too. */
  refuseAll(on: boolean): void;
}

/** Starts one. Everybody needs a token of `as` for this server; a tool may need a scope besides. */
export async function startProtectedTools(
  as: Pick<FakeAuthorizationServer, 'issuer' | 'holder'>,
  options: Omit<FakeToolServerOptions, 'before' | 'key' | 'offers'> & {
    /** Scope that a call of a tool needs. */
    readonly scopeOf?: Readonly<Record<string, string>>;
    /** Tools that only these people are offered. */
    readonly onlyFor?: Readonly<Record<string, readonly string[]>>;
    /** Tools are listed for who has no token. */
    readonly openList?: boolean;
  } = {},
): Promise<ProtectedTools> {
  const callers: TokenFacts[] = [];
  const metadata: Record<string, unknown> = {};
  let refusing = false;
  const before = (request: RecordedRequest): FakeAnswer | undefined => {
    if (request.path.startsWith('/.well-known/oauth-protected-resource')) {
      const own = { resource: tools.url, authorization_servers: [as.issuer], scopes_supported: ['tools:use'] };
      return { status: 200, body: { ...own, ...metadata } };
    }
    if (request.path.startsWith('/.well-known/')) return { status: 404, body: {} };
    const { method, params } = (request.json ?? {}) as { method?: string; params?: { name?: string } };
    const token = tokenOf(request);
    if (token === undefined && options.openList === true && method !== 'tools/call' && method !== 'ping')
      return undefined;
    const facts = token === undefined || refusing ? undefined : as.holder(token);
    if (facts === undefined || facts.resource !== tools.url) {
      return refused(401, token === undefined ? '' : 'error="invalid_token", ');
    }
    const needed = method === 'tools/call' ? options.scopeOf?.[params?.name ?? ''] : undefined;
    if (needed !== undefined && !facts.scopes.includes(needed)) {
      return refused(403, 'error="insufficient_scope", ', needed);
    }
    if (method === 'tools/call') callers.push(facts);
    return undefined;
  };
  const refused = (status: number, error: string, scope = 'tools:use'): FakeAnswer => {
    const place = new URL(tools.url).origin;
    const challenge = `Bearer ${error}resource_metadata="${place}/.well-known/oauth-protected-resource/mcp", scope="${scope}"`;
    return { status, headers: { 'www-authenticate': challenge }, body: { error: 'refused' } };
  };
  const offers = (tool: string, request: RecordedRequest) => {
    const only = options.onlyFor?.[tool];
    return only === undefined || only.includes(as.holder(tokenOf(request) ?? '')?.user ?? '');
  };
  const tools = await startFakeToolServer({ ...options, before, offers });
  return Object.assign(tools, {
    callers,
    metadata,
    refuseAll(on: boolean) {
      refusing = on;
    },
  });
}

function tokenOf({ headers }: RecordedRequest): string | undefined {
  return /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
}

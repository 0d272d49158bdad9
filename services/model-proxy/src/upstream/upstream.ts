import type { EndSignal } from '@sallyport/chassis/ending';
import { type Outbound, type OutboundResponse, outbound } from '@sallyport/chassis/http/fetch';
import { urlGuard } from '@sallyport/chassis/net/guard';
import type { Provider } from '../catalog.ts';
import { createAccessTokens } from './access-tokens.ts';
import { authenticate, type CarriedToken, type Outgoing, type TokenPorts } from './authenticate.ts';

/** Calls to providers, over connections kept per provider. */
export interface Upstream {
  readonly name: string;
  request(provider: Provider, call: UpstreamCall): Promise<OutboundResponse>;
  /** Forgets providers that are not among these: their connections close once the last call over them is over. */
  keepOnly(providers: readonly Pick<Provider, 'uid'>[]): void;
  stop(): Promise<void>;
}

/** One HTTP call below a provider's base URL. */
export interface UpstreamCall {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Begins with a slash; appended to the base URL. */
  readonly path: string;
  /** Of this call alone: the credential is put into them. */
  readonly headers: Record<string, string>;
  /** The provider's credential as leased; absent: none. */
  readonly key?: string | undefined;
  readonly body?: Buffer | string;
  readonly signal: EndSignal;
}

/** A stream holds its connection for as long as it lasts: more than this at one provider wait for each other. */
const MAX_CONNECTIONS = 4_096;

interface Connections {
  readonly generation: number;
  readonly outbound: Outbound;
  readonly ports: TokenPorts;
  /** Calls that wait for a token before they are sent; once the provider is gone the last of them closes the connections. */
  waiting: number;
  isGone: boolean;
}

/** Longest wait for a token endpoint. */
const TOKEN_MS = 10_000;

/** Opens connections as providers are called; a provider that was changed gets new ones. `open` makes them. */
export function createUpstream(open: typeof outbound = outbound): Upstream {
  const byProvider = new Map<string, Connections>();
  const tokens = createAccessTokens();
  const of = (provider: Provider): Connections => {
    const held = byProvider.get(provider.uid);
    if (held?.generation === provider.generation) return held;
    if (held) letGo(held);
    const { timeouts, allowPrivateNetwork } = provider.spec;
    const calls = open({
      guard: urlGuard({ allowPrivate: allowPrivateNetwork, allowHttp: allowPrivateNetwork }),
      timeouts: {
        connectMs: timeouts.connectSeconds * 1000,
        headersMs: timeouts.firstByteSeconds * 1000,
        bodyIdleMs: timeouts.idleSeconds * 1000,
      },
      maxConnections: MAX_CONNECTIONS,
    });
    const ports: TokenPorts = { tokens, now: () => new Date(), post: (url, form) => postForm(calls, url, form) };
    const made: Connections = { generation: provider.generation, outbound: calls, ports, waiting: 0, isGone: false };
    byProvider.set(provider.uid, made);
    return made;
  };
  return {
    name: 'upstream',
    request(provider, call) {
      const connections = of(provider);
      const { method, path, headers, body, signal, key } = call;
      const outgoing: Outgoing = { method, path, headers, body, signal };
      if (key === undefined) return send(connections, provider, outgoing);
      try {
        const carried = authenticate(provider, key, outgoing, connections.ports);
        if (carried === undefined) return send(connections, provider, outgoing);
        return sendWithToken(connections, provider, outgoing, carried, key);
      } catch (error) {
        return Promise.reject(error);
      }
    },
    keepOnly(providers) {
      if (byProvider.size === 0) return;
      const there = new Set(providers.map(({ uid }) => uid));
      for (const [uid, held] of byProvider) {
        if (there.has(uid)) continue;
        byProvider.delete(uid);
        letGo(held);
      }
    },
    async stop() {
      await Promise.all([...byProvider.values()].map((one) => one.outbound.stop()));
      byProvider.clear();
    },
  };
}

/** Calls under way go on to their end. */
function letGo(connections: Connections): void {
  connections.isGone = true;
  if (connections.waiting === 0) connections.outbound.stop().catch(() => {});
}

function send({ outbound }: Connections, { baseUrl }: Provider, outgoing: Outgoing): Promise<OutboundResponse> {
  const { method, path, headers, signal, body } = outgoing;
  return outbound.request(baseUrl + path, { method, headers, signal, body });
}

/** A token that was held may have been revoked: then one that is asked for anew is tried, once. */
async function sendWithToken(
  connections: Connections,
  provider: Provider,
  outgoing: Outgoing,
  carried: Promise<CarriedToken>,
  key: string,
): Promise<OutboundResponse> {
  connections.waiting++;
  try {
    const token = await carried;
    const answer = await send(connections, provider, outgoing);
    if (answer.status !== 401) return answer;
    token.refused();
    if (token.fresh) return answer;
    await answer.discard();
    await authenticate(provider, key, outgoing, connections.ports);
    return await send(connections, provider, outgoing);
  } finally {
    connections.waiting--;
    if (connections.isGone) letGo(connections);
  }
}

function postForm(to: Outbound, url: string, form: string): Promise<OutboundResponse> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };
  return to.request(url, { method: 'POST', headers, body: form, signal: AbortSignal.timeout(TOKEN_MS) });
}

import type { EndSignal } from '@sallyport/chassis/ending';
import { type OutboundResponse, outbound } from '@sallyport/chassis/http/fetch';
import { urlGuard } from '@sallyport/chassis/net/guard';
import type { Provider } from '../catalog.ts';
import { authenticate } from './authenticate.ts';

/** Calls to providers, over connections kept per provider. */
export interface Upstream {
  readonly name: string;
  request(provider: Provider, call: UpstreamCall): Promise<OutboundResponse>;
  stop(): Promise<void>;
}

/** One HTTP call below a provider's base URL. */
export interface UpstreamCall {
  readonly method: 'GET' | 'POST';
  /** Begins with a slash; appended to the base URL. */
  readonly path: string;
  /** Of this call alone: the credential is put into them. */
  readonly headers: Record<string, string>;
  /** The provider's credential as leased; absent: none. */
  readonly key?: string | undefined;
  readonly body?: Buffer | string;
  readonly signal: EndSignal;
}

interface Connections {
  readonly generation: number;
  readonly outbound: ReturnType<typeof outbound>;
}

/** Opens connections as providers are called; a provider that was changed gets new ones. */
export function createUpstream(): Upstream {
  const byProvider = new Map<string, Connections>();
  const of = (provider: Provider): Connections => {
    const held = byProvider.get(provider.uid);
    if (held?.generation === provider.generation) return held;
    void held?.outbound.stop();
    const { timeouts, allowPrivateNetwork } = provider.spec;
    const made: Connections = {
      generation: provider.generation,
      outbound: outbound({
        guard: urlGuard({ allowPrivate: allowPrivateNetwork, allowHttp: allowPrivateNetwork }),
        timeouts: {
          connectMs: timeouts.connectSeconds * 1000,
          headersMs: timeouts.firstByteSeconds * 1000,
          bodyIdleMs: timeouts.idleSeconds * 1000,
        },
      }),
    };
    byProvider.set(provider.uid, made);
    return made;
  };
  return {
    name: 'upstream',
    request(provider, call) {
      const { method, headers, body, signal, key } = call;
      const outgoing = { path: call.path, headers };
      if (key !== undefined) authenticate(provider.declaration.auth, key, outgoing);
      return of(provider).outbound.request(provider.baseUrl + outgoing.path, { method, headers, signal, body });
    },
    async stop() {
      await Promise.all([...byProvider.values()].map((one) => one.outbound.stop()));
      byProvider.clear();
    },
  };
}

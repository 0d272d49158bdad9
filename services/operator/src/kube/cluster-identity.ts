import type { KubeApi } from '@sallyport/chassis/kube/api';
import type { Logger } from '@sallyport/chassis/log';
import type { ClusterIdentity } from '@sallyport/custom-resources';

/** The issuer and public keys with which a cluster signs its service-account tokens. */
export interface ClusterKeys {
  /** What was last read; undefined before the first time. */
  current(): ClusterIdentity | undefined;
  start(): void;
  stop(): void;
}

// The API server's own lifetime for cached keys is an hour; a rotation that keeps the old key for a while is seen well before.
const againMs = 60_000;
const afterFaultMs = 5_000;

/**
 * Reads `/.well-known/openid-configuration` and `/openid/v1/jwks` of the API server again and again; every service account
 * may (ClusterRole `system:service-account-issuer-discovery`). Tells of changes; keeps what it has while the server is away.
 */
export function clusterKeys(options: {
  readonly api: KubeApi;
  readonly log: Logger;
  readonly onChange: () => void;
}): ClusterKeys {
  const { api, log, onChange } = options;
  let held: { readonly text: string; readonly value: ClusterIdentity } | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = true;

  const read = async () => {
    let nextMs = againMs;
    try {
      const found = (await api.request({ path: '/.well-known/openid-configuration' })) as { issuer?: unknown };
      const jwks = (await api.request({ path: '/openid/v1/jwks' })) as { keys?: unknown };
      if (typeof found?.issuer !== 'string' || !Array.isArray(jwks?.keys))
        throw new TypeError('not an issuer and its keys');
      const value: ClusterIdentity = { issuer: found.issuer, jwks: { keys: jwks.keys as never } };
      const text = JSON.stringify(value);
      if (text !== held?.text && !stopped) {
        held = { text, value };
        onChange();
      }
    } catch (error) {
      nextMs = afterFaultMs;
      log.warn('the keys of the cluster could not be read', { error });
    }
    if (!stopped) timer = setTimeout(() => void read(), nextMs).unref();
  };

  return {
    current: () => held?.value,
    start() {
      stopped = false;
      void read();
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

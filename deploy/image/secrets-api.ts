import { readFileSync } from 'node:fs';

/** Content of a Secret, decoded, and the version it was read at. */
export interface StoredSecret {
  readonly version: string;
  readonly data: Readonly<Record<string, string>>;
}

/** The two things a bootstrap may do with a Secret of its own release. */
export interface SecretsApi {
  /** Rejects when there is no such Secret: the chart makes them, empty. */
  read(name: string): Promise<StoredSecret>;
  /** Adds or replaces keys; false when the Secret changed since `version`. */
  write(name: string, data: Readonly<Record<string, string>>, version: string): Promise<boolean>;
}

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const TIMEOUT_MS = 10_000;

/** The API server as a pod sees it. Its CA must be trusted by the process: NODE_EXTRA_CA_CERTS, set by the Job. */
export function clusterSecrets(): SecretsApi {
  const namespace = readFileSync(`${ACCOUNT}/namespace`, 'utf8').trim();
  const base = `https://kubernetes.default.svc/api/v1/namespaces/${namespace}/secrets`;
  const call = async (name: string, method: string, body?: unknown) =>
    fetch(`${base}/${name}`, {
      method,
      headers: {
        authorization: `Bearer ${readFileSync(`${ACCOUNT}/token`, 'utf8').trim()}`,
        ...(body === undefined ? {} : { 'content-type': 'application/merge-patch+json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  return {
    async read(name) {
      const response = await call(name, 'GET');
      if (!response.ok) throw new Error(`Secret ${name} cannot be read: ${response.status}`);
      const secret = (await response.json()) as {
        metadata: { resourceVersion: string };
        data?: Record<string, string>;
      };
      const decoded = Object.entries(secret.data ?? {}).map(([key, value]) => [
        key,
        Buffer.from(value, 'base64').toString('utf8'),
      ]);
      return { version: secret.metadata.resourceVersion, data: Object.fromEntries(decoded) };
    },
    async write(name, data, version) {
      // The version makes this fail instead of overwriting what somebody else put there meanwhile.
      const response = await call(name, 'PATCH', { metadata: { resourceVersion: version }, stringData: data });
      if (response.status === 409) return false;
      if (!response.ok) throw new Error(`Secret ${name} cannot be written: ${response.status}`);
      return true;
    },
  };
}

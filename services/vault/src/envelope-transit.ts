import { GatewayError } from '@sallyport/chassis/errors';
import type { Outbound } from '@sallyport/chassis/http/fetch';
import { z } from 'zod';
import type { Masters } from './envelope-masters.ts';

/** Where HashiCorp Vault's transit engine (or OpenBao's) is. */
export interface TransitPlace {
  /** Such as `https://vault.example:8200`. */
  readonly address: string;
  /** Path at which the engine is mounted. */
  readonly mount: string;
  /** Name of the key, of a type that takes associated data: aes256-gcm96 or chacha20-poly1305. */
  readonly key: string;
  /** The token now; read at each call, since an agent renews it. */
  readonly token: () => string;
}

const MAX_ANSWER_BYTES = 64 * 1024;
const TIMEOUT_MS = 3_000;
const keyFacts = z.object({
  data: z.object({ latest_version: z.int().min(1), min_decryption_version: z.int().min(0).default(1) }),
});
const encrypted = z.object({ data: z.object({ ciphertext: z.string().startsWith('vault:v') }) });
const decrypted = z.object({ data: z.object({ plaintext: z.base64() }) });

/**
 * Master keys that never leave a transit engine, by its wire (API of the secrets engine, `encrypt`, `decrypt`, key
 * information). Each version of the key is a master key of its own, named `transit:<mount>/<key>:v<version>`.
 */
export function transitMasters(place: TransitPlace, http: Pick<Outbound, 'request'>): Masters {
  const prefix = `transit:${place.mount}/${place.key}:v`;
  let versions: readonly number[] = [];

  const ask = async <T>(schema: z.ZodType<T>, method: string, path: string, body?: object): Promise<T> => {
    const answer = await http
      .request(`${place.address}/v1/${place.mount}/${path}`, {
        method,
        headers: { 'x-vault-token': place.token(), ...(body ? { 'content-type': 'application/json' } : {}) },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      .catch((cause: unknown) => {
        throw new GatewayError('unavailable', 'The transit engine cannot be reached.', { cause });
      });
    const { status } = answer;
    // 400 is its word for a ciphertext or associated data that does not fit; all else is a fault of the place.
    if (status === 400) {
      await answer.discard();
      throw new GatewayError('internal', 'The transit engine does not open this data key.');
    }
    if (status !== 200) {
      await answer.discard();
      throw new GatewayError('unavailable', `The transit engine answered with status ${status}.`);
    }
    const read = schema.safeParse(JSON.parse(await answer.text(MAX_ANSWER_BYTES)) as unknown);
    if (!read.success) throw new GatewayError('unavailable', 'The transit engine does not answer as it should.');
    return read.data;
  };
  const versionOf = (id: string): number => Number(id.slice(prefix.length));
  const name = encodeURIComponent(place.key);
  const bound = (aad: string) => Buffer.from(aad, 'utf8').toString('base64');

  return {
    ids: () => versions.map((version) => `${prefix}${version}`),
    async refresh() {
      const { data } = await ask(keyFacts, 'GET', `keys/${name}`);
      const first = Math.max(1, data.min_decryption_version);
      versions = Array.from({ length: data.latest_version - first + 1 }, (_, index) => data.latest_version - index);
    },
    async wrap(id, dataKey, aad) {
      const { data } = await ask(encrypted, 'POST', `encrypt/${name}`, {
        plaintext: Buffer.from(dataKey).toString('base64'),
        associated_data: bound(aad),
        key_version: versionOf(id),
      });
      return Buffer.from(data.ciphertext, 'utf8');
    },
    async unwrap(id, wrapped, aad) {
      const ciphertext = Buffer.from(wrapped).toString('utf8');
      if (!ciphertext.startsWith(`vault:v${versionOf(id)}:`)) {
        throw new GatewayError('internal', 'The wrapped data key is not of the version that its row names.');
      }
      const { data } = await ask(decrypted, 'POST', `decrypt/${name}`, { ciphertext, associated_data: bound(aad) });
      return Buffer.from(data.plaintext, 'base64');
    },
  };
}

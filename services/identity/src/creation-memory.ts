import { createHash, timingSafeEqual } from 'node:crypto';
import { toBinary } from '@bufbuild/protobuf';
import { GatewayError } from '@sallyport/chassis/errors';
import { deriveKey, sealer } from '@sallyport/chassis/seal';
import { type KeySpec, KeySpecSchema } from '@sallyport/proto/identity/v1/identity_pb';
import type { KeyTransaction } from './key-store.ts';
import type { Pepper } from './peppers.ts';

const MAX_KEY_LENGTH = 512;

/** Remembers for a day what was answered to a creation, so that a repeated one gives the same key, not a second. */
export interface CreationMemory {
  /** The earlier answer. Throws `conflict` when the idempotency key was used for another request. */
  recall(
    tx: KeyTransaction,
    tenant: string,
    idempotencyKey: string,
    spec: KeySpec,
  ): Promise<{ keyId: string; secret: string } | undefined>;
  remember(
    tx: KeyTransaction,
    tenant: string,
    idempotencyKey: string,
    spec: KeySpec,
    keyId: string,
    secret: string,
  ): Promise<void>;
}

/**
 * Makes the memory. Secrets are sealed by keys derived from the peppers (HKDF, RFC 5869), so that the database alone
 * still gives none away. An empty idempotency key is never remembered.
 */
export function createCreationMemory(peppers: readonly Pepper[]): CreationMemory {
  const seal = sealer(peppers.map(({ id, key }) => ({ id, key: deriveKey(key, 'identity creations') })));
  return {
    async recall(tx, tenant, idempotencyKey, spec) {
      if (idempotencyKey === '') return undefined;
      if (idempotencyKey.length > MAX_KEY_LENGTH) {
        throw new GatewayError('invalid_request', `An idempotency key has at most ${MAX_KEY_LENGTH} characters.`);
      }
      const earlier = await tx.creation(idempotencyKey);
      if (earlier === undefined) return undefined;
      if (!timingSafeEqual(earlier.requestHash, hashOf(spec))) {
        throw new GatewayError('conflict', 'This idempotency key was used for another request.');
      }
      const secret = seal.open(earlier.sealedSecret, boundTo(tenant, earlier.keyId));
      return { keyId: earlier.keyId, secret: secret.toString('utf8') };
    },
    async remember(tx, tenant, idempotencyKey, spec, keyId, secret) {
      if (idempotencyKey === '') return;
      const sealedSecret = seal.seal(Buffer.from(secret, 'utf8'), boundTo(tenant, keyId));
      await tx.rememberCreation(idempotencyKey, { requestHash: hashOf(spec), keyId, sealedSecret });
    },
  };
}

function hashOf(spec: KeySpec): Buffer {
  return createHash('sha256').update(toBinary(KeySpecSchema, spec)).digest();
}

function boundTo(tenant: string, keyId: string): string {
  return JSON.stringify(['creation', tenant, keyId]);
}

import { GatewayError } from '@sallyport/chassis/errors';
import type { KeyRecord } from '../key.ts';
import type { KeyStore, KeyTransaction, RememberedCreation, SecretMatch } from '../key-store.ts';
import type { SecretDigest } from '../peppers.ts';
import type { RevocationNotice } from '../revocations.ts';

interface StoredSecret extends SecretDigest {
  readonly tenant: string;
  readonly keyId: string;
  readonly lookupPrefix: string | undefined;
  readonly validUntilMs: number | undefined;
}

/** A key store in memory, for tests: the contract of store.ts without its durability. */
export function memoryKeyStore(now: () => number = Date.now): KeyStore & { readonly notices: RevocationNotice[] } {
  let keys: readonly KeyRecord[] = [];
  let secrets: readonly StoredSecret[] = [];
  let creations: ReadonlyMap<string, RememberedCreation> = new Map();
  const notices: RevocationNotice[] = [];

  const matches = (filter: (secret: StoredSecret) => boolean): SecretMatch[] =>
    secrets.filter(filter).map((secret) => ({
      key: keys.find((key) => key.tenant === secret.tenant && key.id === secret.keyId) as KeyRecord,
      secret,
      validUntilMs: secret.validUntilMs,
    }));

  const transaction = (tenant: string): KeyTransaction => {
    const mine = () => keys.filter((key) => key.tenant === tenant);
    const ofKey = (keyId: string) => (secret: StoredSecret) => secret.tenant === tenant && secret.keyId === keyId;
    return {
      keyById: async (id) => mine().find((key) => key.id === id),
      keyByResource: async (uid) => mine().find((key) => key.resourceUid === uid && key.revokedAtMs === undefined),
      keyByName: async (name) => mine().find((key) => key.spec.name === name && key.revokedAtMs === undefined),
      list: async (before, limit, { owner, teams } = { owner: '', teams: [] }) =>
        mine()
          .filter((key) => before === undefined || key.id < before)
          .filter(
            ({ spec }) =>
              (owner === '' && teams.length === 0) ||
              (owner !== '' && spec.owner === owner) ||
              (spec.teams.length > 0 && spec.teams.every((team) => teams.includes(team))),
          )
          .sort((a, b) => (a.id < b.id ? 1 : -1))
          .slice(0, limit),
      async insert(key) {
        const record: KeyRecord = {
          ...key,
          tenant,
          revision: 1,
          createdAtMs: now(),
          lastUsedAtMs: undefined,
          revokedAtMs: undefined,
        };
        keys = [...keys, record];
        return record;
      },
      async change(id, { revokedReason, ...change }) {
        const key = mine().find((one) => one.id === id) as KeyRecord;
        const changed: KeyRecord = {
          ...key,
          ...change,
          revision: key.revision + 1,
          revokedAtMs: revokedReason === undefined ? key.revokedAtMs : now(),
        };
        keys = keys.map((one) => (one === key ? changed : one));
        return changed;
      },
      secretsOf: async (keyId) => secrets.filter(ofKey(keyId)).filter((secret) => secret.validUntilMs === undefined),
      async addSecret(keyId, secret, lookupPrefix) {
        if (secrets.some((held) => held.digest.equals(secret.digest))) {
          throw new GatewayError('conflict', 'taken', { details: { path: '/secretRef' } });
        }
        secrets = [...secrets, { ...secret, tenant, keyId, lookupPrefix, validUntilMs: undefined }];
      },
      async endSecrets(keyId, validUntilMs) {
        secrets =
          validUntilMs === undefined
            ? secrets.filter((secret) => !ofKey(keyId)(secret))
            : secrets.map((secret) =>
                ofKey(keyId)(secret)
                  ? { ...secret, validUntilMs: Math.min(secret.validUntilMs ?? Infinity, validUntilMs) }
                  : secret,
              );
      },
      async notify(keyId, reason, by = '') {
        const sequence = notices.length + 1;
        notices.push({ tenant, keyId, user: '', client: '', sessionId: '', reason, by, sequence });
      },
      creation: async (key) => creations.get(`${tenant}/${key}`),
      async rememberCreation(key, creation) {
        creations = new Map([...creations, [`${tenant}/${key}`, creation]]);
      },
    };
  };

  return {
    notices,
    async inTenant(tenant, work) {
      const before = { keys, secrets, creations, notices: notices.length };
      try {
        return await work(transaction(tenant));
      } catch (error) {
        ({ keys, secrets, creations } = before);
        notices.length = before.notices;
        throw error;
      }
    },
    secretsByPrefix: async (prefix) => matches((secret) => secret.lookupPrefix === prefix),
    secretsByDigest: async (digests) =>
      matches((secret) => secret.lookupPrefix === undefined && digests.some((digest) => secret.digest.equals(digest))),
    async replaceDigest(match, next) {
      secrets = secrets.map((secret) => (secret.digest.equals(match.secret.digest) ? { ...secret, ...next } : secret));
    },
    ownedAfter: async (after, limit) =>
      keys
        .filter((key) => key.resourceUid !== undefined && key.revokedAtMs === undefined && key.id > after)
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .slice(0, limit)
        .map(({ id, tenant, resourceUid, spec }) => ({
          id,
          tenant,
          resourceUid: resourceUid as string,
          name: spec.name,
        })),
    async recordUse(uses) {
      keys = keys.map((key) => {
        const use = uses.find((one) => one.tenant === key.tenant && one.keyId === key.id);
        return use === undefined ? key : { ...key, lastUsedAtMs: use.atMs };
      });
    },
    revocationsAfter: async (sequence, limit) => ({
      head: notices.length,
      notices: notices.filter((notice) => notice.sequence > sequence).slice(0, limit),
      recordsWait: false,
    }),
    async prune() {
      secrets = secrets.filter((secret) => (secret.validUntilMs ?? Infinity) > now());
    },
  };
}

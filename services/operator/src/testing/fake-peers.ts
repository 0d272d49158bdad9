import { GatewayError } from '@sallyport/chassis/errors';
import { inProcess } from '@sallyport/chassis/rpc/testing';
import { KeyService, type KeySpec } from '@sallyport/proto/identity/v1/identity_pb';
import { SecretService } from '@sallyport/proto/vault/v1/vault_pb';
import type { Clients } from '../clients.ts';

/** What the fakes of vault and identity were told, over real sockets. */
export type FakePeers = {
  readonly clients: Clients;
  /** `tenant/name/key` → value. */
  readonly secrets: Map<string, string>;
  /** Resource UID → origin. */
  readonly grants: Map<string, string>;
  /** How tokens are had for them, as JSON; of those that say it. */
  readonly auths: Map<string, string>;
  /** Resource UID → key. */
  readonly keys: Map<string, { readonly tenant: string; readonly spec: KeySpec | undefined; readonly secret: string }>;
  /** While true, both answer `unavailable`. */
  down: boolean;
  close(): Promise<void>;
};

/** Starts fakes of vault and identity for tests of the operator. */
export async function fakePeers(): Promise<FakePeers> {
  const secrets = new Map<string, string>();
  const grants = new Map<string, string>();
  const auths = new Map<string, string>();
  const about = new Map<string, { tenant: string; kind: string; name: string }>();
  const keys: FakePeers['keys'] = new Map();
  const check = () => {
    if (fake.down) throw new GatewayError('unavailable', 'The fake is down.');
  };
  const refused = async (): Promise<never> => {
    throw new GatewayError('unsupported', 'The operator has no business here.');
  };
  const vault = await inProcess(SecretService, {
    async put({ tenant, ref, value }) {
      check();
      secrets.set(`${tenant}/${ref?.name}/${ref?.key}`, value);
      return {};
    },
    async remove({ tenant, ref }) {
      check();
      secrets.delete(`${tenant}/${ref?.name}/${ref?.key}`);
      return {};
    },
    async grant({ tenant, kind, name, uid, origin, authJson }) {
      check();
      about.set(uid, { tenant, kind, name });
      grants.set(uid, origin);
      if (authJson) auths.set(uid, authJson);
      return {};
    },
    async revokeGrant({ uid }) {
      check();
      grants.delete(uid);
      return {};
    },
    async listGrants() {
      check();
      const held = [...grants.keys()].map((uid) => ({ uid, ...(about.get(uid) ?? {}) }));
      return { grants: held };
    },
  });
  let count = 0;
  const identity = await inProcess(KeyService, {
    async upsert({ tenant, resourceUid, spec, secret, regenerate, keepSecret }) {
      check();
      const held = keys.get(resourceUid);
      if (keepSecret && held === undefined) throw new GatewayError('not_found', 'No key yet.');
      if (secret !== '' && [...keys].some(([uid, key]) => uid !== resourceUid && key.secret === secret)) {
        throw new GatewayError('conflict', 'Taken.', { details: { path: '/secretRef' } });
      }
      const generated = secret === '' && (held === undefined || regenerate) ? `sp_generated_${++count}_value` : '';
      keys.set(resourceUid, { tenant, spec, secret: generated || secret || held?.secret || '' });
      return { key: { id: `key-${resourceUid}`, tenant, prefix: 'sp_' }, generatedSecret: generated };
    },
    async removeByResource({ resourceUid }) {
      check();
      keys.delete(resourceUid);
      return {};
    },
    async listOwned() {
      check();
      return {
        keys: [...keys].map(([resourceUid, { tenant, spec }]) => ({ tenant, resourceUid, name: spec?.name ?? '' })),
      };
    },
    list: refused,
    create: refused,
    update: refused,
    revoke: refused,
    rotate: refused,
    get: refused,
  });
  const fake: FakePeers = {
    clients: { secrets: vault.client, keys: identity.client },
    secrets,
    grants,
    auths,
    keys,
    down: false,
    async close() {
      await Promise.all([vault.close(), identity.close()]);
    },
  };
  return fake;
}

import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { Client } from '@sallyport/chassis/rpc/client';
import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import type { AuthenticationService } from '@sallyport/proto/identity/v1/identity_pb';
import type { SubjectService } from '@sallyport/proto/identity/v1/subjects_pb';
import type { SignInService } from '@sallyport/proto/vault/v1/sign_ins_pb';
import type { Envelope } from '../envelope.ts';
import type { LeaseToken } from '../leasing.ts';
import type { VaultMetrics } from '../metrics.ts';
import type { Discovery } from '../oauth/discovery.ts';
import type { LeaseGrant } from '../oauth/grant-leases.ts';
import type { OwnSignIns } from '../oauth/grant-server.ts';
import type { OAuthHttp } from '../oauth/http.ts';
import type { OAuthStore } from '../oauth/oauth-store.ts';
import type { GrantRecord, VaultStore } from '../vault-store.ts';
import type { DelegationType } from './adapter.ts';
import { createDelegation } from './delegation.ts';
import { signInService } from './sign-in-server.ts';
import { createSignIns } from './sign-ins.ts';
import { followStanding } from './standing.ts';
import { createSubjects } from './subjects.ts';
import { createTokenCache } from './token-cache.ts';

/** What delegation is opened with. */
export interface OpenDelegationOptions {
  readonly store: Pick<VaultStore, 'addRecords'>;
  readonly oauthStore: OAuthStore;
  readonly envelope: Envelope;
  readonly http: OAuthHttp;
  readonly identity: {
    readonly subjects: Pick<Client<typeof SubjectService>, 'assert'>;
    readonly authentication: Pick<Client<typeof AuthenticationService>, 'watchRevocations'>;
  };
  readonly discovery: Discovery;
  readonly leaseGrant: LeaseGrant;
  readonly secretOf: (tenant: string, grant: GrantRecord) => Promise<string | undefined>;
  readonly publicUrl: string | undefined;
  readonly onNotice: () => void;
  readonly metrics: VaultMetrics;
  readonly log: Logger;
}

/** Tokens in the names of people, and the sign-ins that some of them need. */
export interface OpenDelegation {
  readonly leases: Readonly<Record<DelegationType, LeaseToken>>;
  readonly signIns: ServiceImpl<typeof SignInService>;
  /** Kept sign-ins as people see them. */
  readonly own: OwnSignIns;
  readonly component: Component;
}

/** Puts its parts together; the component follows what identity revokes while there is something to revoke. */
export function openDelegation(options: OpenDelegationOptions): OpenDelegation {
  const { http, discovery, identity, publicUrl, log, secretOf } = options;
  const cache = createTokenCache();
  const standing = followStanding({ client: identity.authentication, cache, log });
  const signIns = createSignIns({ ...options, store: options.oauthStore, lease: options.leaseGrant });
  const subjects = createSubjects({ identity: identity.subjects, signIns });
  const lease = createDelegation({
    http,
    discovery,
    subjects,
    cache,
    known: standing.known,
    listen: standing.listen,
    secretOf,
    signInLink: (tenant, provider) =>
      publicUrl === undefined
        ? undefined
        : `${publicUrl}/approve/sign-in/${encodeURIComponent(provider)}?tenant=${encodeURIComponent(tenant)}`,
    onAsked: options.metrics.delegated,
    record: (tenant, record) => options.store.addRecords([{ tenant, record }]),
    log,
  });
  return {
    leases: { TokenExchange: lease, EntraOnBehalfOf: lease, IdentityAssertion: lease },
    signIns: signInService(signIns, options.metrics),
    own: signIns,
    component: standing,
  };
}

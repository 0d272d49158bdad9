import type { Logger } from '@sallyport/chassis/log';
import type { Postgres } from '@sallyport/chassis/postgres';
import type { Lifecycle } from '@sallyport/chassis/process';
import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import { readSigningKeys } from '@sallyport/chassis/signing-keys';
import type { Ingress } from '@sallyport/peers/ingress';
import type { Snapshot } from '@sallyport/peers/snapshot';
import type { ConsentService, SessionService } from '@sallyport/proto/identity/v1/sessions_pb';
import type { SubjectService } from '@sallyport/proto/identity/v1/subjects_pb';
import { type AdminRecords, createAdminRecords } from '../admin-records.ts';
import type { Authenticate } from '../authentication.ts';
import type { Clients as Peers } from '../clients.ts';
import type { Config } from '../config.ts';
import type { Directory } from '../directory/directory.ts';
import type { Front } from '../http.ts';
import type { Pepper } from '../peppers.ts';
import { beginningSessions } from '../sessions/begin-session.ts';
import { lookingAtPeople } from '../sessions/person-now.ts';
import { createSaidStore } from '../sessions/said-store.ts';
import { sessionService } from '../sessions/service.ts';
import { createSessionStore } from '../sessions/session-store.ts';
import type { AuthenticateToken } from '../tokens/authenticate-token.ts';
import type { TokenPrincipal } from '../tokens/token-principal.ts';
import type { TrustedIssuers } from '../tokens/trusted-issuers.ts';
import type { Act, IsThere } from './actors.ts';
import { createArtefactStore } from './artefact-store.ts';
import { createClients } from './clients.ts';
import { consentService } from './consent-service.ts';
import { createConsentStore } from './consent-store.ts';
import { endingClients } from './ended-clients.ts';
import { addExchange } from './exchange.ts';
import { extraClaims } from './extra-claims.ts';
import { oauthFront } from './front.ts';
import { createGrantStore, type GrantStore } from './grant-store.ts';
import { createIssuers } from './issuers.ts';
import { keepingSignIns } from './kept-sign-ins.ts';
import { keySignIn } from './key-sign-in.ts';
import { oauthKeys } from './keys.ts';
import { outboundFetch } from './outbound-fetch.ts';
import { type OwnIssuers, ownIssuers } from './own-issuers.ts';
import { noticePage } from './pages.ts';
import { createPresentedTokens, ownTokenReader } from './presented-tokens.ts';
import { oauthPruning } from './pruning.ts';
import { createSecrets, secretOfClient } from './secrets.ts';
import { createSignInStore } from './sign-in-store.ts';
import { subjectService } from './subject-tokens.ts';
import { tokenUses } from './token-uses.ts';
import { toolRemarks } from './tool-remarks.ts';
import { createUpstreamSignIn } from './upstream.ts';

/** What the OAuth server of a process is made of. */
export interface OAuthOptions {
  readonly config: Config;
  readonly postgres: Postgres;
  readonly peppers: readonly Pepper[];
  readonly snapshot: Snapshot;
  readonly peers: Pick<Peers, 'credentials' | 'signIns'> | undefined;
  readonly directory: Directory;
  readonly trusted: TrustedIssuers;
  readonly authenticate: Authenticate;
  readonly ingress: Pick<Ingress, 'addressOf'>;
  /** Verifies tokens of IdentityProviders. */
  readonly authenticateToken: AuthenticateToken;
  /** Told that notices of revocation were written. */
  readonly onNotice: () => void;
  /** Told who looks at a page of console. */
  readonly onSeen: (principal: TokenPrincipal) => void;
  readonly log: Logger;
}

/** The OAuth server of a process. */
export interface OAuth {
  readonly front: Front;
  readonly issuers: OwnIssuers;
  readonly grants: GrantStore;
  /** For console: sessions of people, and what they said yes to. */
  readonly sessions: ServiceImpl<typeof SessionService>;
  readonly consents: ServiceImpl<typeof ConsentService>;
  /** For vault: vouching for people elsewhere. */
  readonly subjects: ServiceImpl<typeof SubjectService>;
}

const REQUEST_MS = 15_000;

/** Opens it; undefined without a public URL or keys to sign with. */
export async function openOAuth(life: Lifecycle, options: OAuthOptions): Promise<OAuth | undefined> {
  const { config, postgres, snapshot, directory, trusted, log } = options;
  const { publicUrl, oauth } = config;
  if (publicUrl === undefined || oauth === undefined) return undefined;
  const signing = readSigningKeys(oauth.keysFile);
  const keys = oauthKeys(options.peppers);
  const uses = tokenUses();
  const artefacts = createArtefactStore(postgres, keys);
  const grants = telling(createGrantStore(postgres, keys), options.onNotice);
  const secretOf = createSecrets(options.peers?.credentials);
  const clients = createClients({
    postgres,
    keys,
    snapshot,
    secretOf: (tenant, client) => secretOf(secretOfClient(tenant, client)),
  });
  const fetch = await life.use(outboundFetch());
  const records: AdminRecords = createAdminRecords(postgres);
  const said = createSaidStore(postgres, keys, options.onNotice);
  const look = lookingAtPeople({ said, directory, trusted });
  const sessions = createSessionStore(postgres, keys);
  const presented = createPresentedTokens();
  const consents = createConsentStore(postgres);
  const readOwnToken = ownTokenReader(signing);
  const acts = new WeakMap<object, Act>();
  const byProvider = (tenant: string) =>
    trusted.all().some((one) => one.tenant === tenant && one.spec.client !== undefined);
  const keysSignIn = (tenant: string) => oauth.keySignIn && !byProvider(tenant);
  const isThere: IsThere = (tenant, { state, heirSinceMs }, sinceMs) => {
    // Another person had the name then.
    if (heirSinceMs !== undefined && sinceMs !== undefined && sinceMs < heirSinceMs) return false;
    // Whom nobody vouches for is there only where keys sign people in.
    return state === 'active' || (state === 'unknown' && keysSignIn(tenant));
  };
  const isActive = async (tenant: string, user: string, sinceMs?: number) =>
    isThere(tenant, await directory.standingOf(tenant, user, []), sinceMs);
  const issuers = createIssuers({
    publicUrl,
    defaultTenant: oauth.defaultTenant,
    hosts: oauth.hosts,
    artefacts: uses.following(artefacts),
    grants,
    clients,
    presented,
    keys,
    signing,
    registration: oauth.registration,
    isActive,
    providerOf: (tenant, user) => providerOf(postgres, tenant, user),
    consents,
    fetch: fetch.public,
    renderError(context, code, description) {
      context.type = 'html';
      context.body = noticePage('This did not work', description === '' ? code : `${description} (${code})`);
    },
    onFault: (error) => log.error('a request to the OAuth server failed', { error }),
    extraClaims: extraClaims(grants, acts),
    extend: (provider, tenant) => {
      addExchange(provider, tenant, {
        issuers,
        grants,
        readOwnToken,
        authenticateToken: options.authenticateToken,
        isActive,
        acts,
        records,
      });
    },
  });
  await life.use(oauthPruning(postgres, log));
  await life.use(endingClients({ postgres, snapshot, grants, onNotice: options.onNotice, log }));
  const upstream = createUpstreamSignIn({
    publicUrl,
    issuers: trusted,
    directory,
    said,
    store: createSignInStore(postgres, keys),
    keep: keepingSignIns(options.peers?.signIns, log),
    secretOf,
    fetch,
    log,
  });
  const front = oauthFront({
    issuers,
    presented,
    grants,
    readOwnToken,
    defaultTenant: oauth.defaultTenant,
    uses,
    artefacts,
    log,
    keys,
    consents,
    records,
    upstream,
    beginSession: beginningSessions({ sessions, records, secure: publicUrl.startsWith('https:') }),
    signInWithKey: keySignIn(options.authenticate, keysSignIn),
    ingress: options.ingress,
    remark: toolRemarks(snapshot),
    requestTimeoutMs: REQUEST_MS,
  });
  return {
    front,
    grants,
    issuers: ownIssuers({ publicUrl, issuers, signing, grants, directory, look, isThere }),
    sessions: sessionService({
      sessions,
      upstream,
      look,
      keys,
      defaultTenant: oauth.defaultTenant,
      hosts: oauth.hosts,
      onSeen: options.onSeen,
      onNotice: options.onNotice,
    }),
    consents: consentService({ consents, grants, clients }),
    subjects: subjectService({ issuers, signing, grants, isActive }),
  };
}

/** Grants whose end is told at once. */
function telling(grants: GrantStore, onNotice: () => void): GrantStore {
  const told = async <T>(work: Promise<T>) => {
    const result = await work;
    onNotice();
    return result;
  };
  return { ...grants, end: (...args) => told(grants.end(...args)), endAll: (...args) => told(grants.endAll(...args)) };
}

async function providerOf(postgres: Postgres, tenant: string, user: string): Promise<string> {
  const { rows } = await postgres.withTenant(tenant, (client) =>
    client.query('select provider from users where name = $1', [user]),
  );
  return (rows[0]?.provider as string | undefined) ?? '';
}

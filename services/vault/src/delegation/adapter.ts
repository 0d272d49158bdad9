import type { LeasePrincipal } from '../leasing.ts';
import type { AuthSpec } from '../oauth/auth-spec.ts';
import type { Discovery } from '../oauth/discovery.ts';
import type { KnownServer } from '../oauth/grant-seal.ts';
import type { OAuthHttp } from '../oauth/http.ts';
import type { OAuthClient } from '../oauth/token-call.ts';
import type { GrantRecord } from '../vault-store.ts';
import type { DelegationGuards } from './guards.ts';
import type { GivenToken } from './token-answer.ts';

/** Ways to have a token in a person's name. */
export type DelegationType = Exclude<AuthSpec['type'], 'OAuth' | 'SignIn' | 'WorkloadIdentity'>;

/** Whether tokens of this type are had in a person's name. */
export function isDelegation(type: AuthSpec['type']): type is DelegationType {
  return type !== 'OAuth' && type !== 'SignIn' && type !== 'WorkloadIdentity';
}

/** What is wanted: a token for a tool server, in the name of a person. */
export interface DelegationWanted {
  readonly tenant: string;
  readonly server: GrantRecord;
  readonly auth: AuthSpec;
  /** Its `user` is never empty. */
  readonly person: LeasePrincipal;
  /** Value of `auth.secretRef`. */
  readonly secret: string | undefined;
}

/** The sign-in of a person at an identity provider, kept with their knowledge. */
export interface KeptSignIn {
  readonly provider: string;
  readonly accessToken: string;
  readonly idToken: string | undefined;
  /** Our client at the provider. */
  readonly client: OAuthClient;
  readonly as: KnownServer;
  readonly allowPrivate: boolean;
}

/** Where tokens about people come from. What the caller presented is none of them: it never reaches this service. */
export interface Subjects {
  /** A token of our own authorization server about the person and who acts for them, good for one minute at `audience`. */
  assert(wanted: DelegationWanted, audience: string): Promise<string>;
  /** The person's sign-in at `issuer`. Throws `upstream_credentials` with `details.missing: 'sign-in'`. */
  signIn(wanted: DelegationWanted, issuer: string): Promise<KeptSignIn>;
  /** Remembers what the provider at `issuer` wants the person to be asked for at their next sign-in. */
  challenged(wanted: DelegationWanted, issuer: string, claims: string): Promise<void>;
  /** Whether a person still has a sign-in at `issuer`: what was had by it goes with it. */
  stands(tenant: string, person: LeasePrincipal, issuer: string): Promise<boolean>;
}

/** What adapters work with. */
export interface DelegationSources {
  readonly http: Pick<OAuthHttp, 'fetchFor'>;
  readonly discovery: Discovery;
  readonly subjects: Subjects;
  /** Default: those in force. */
  readonly guards?: DelegationGuards;
  readonly now?: () => number;
}

/** Has a token for a tool server. Throws what `requestToken` and `Subjects` throw; it has no other way to a token. */
export type Delegate = (wanted: DelegationWanted, sources: DelegationSources) => Promise<GivenToken>;

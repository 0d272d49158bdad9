import { GatewayError } from '@sallyport/chassis/errors';
import { objectOf } from '../oauth/answers.ts';
import type { WorkloadIdentity } from './identities.ts';

/** What a cloud gave for the pod's own token, as model-proxy reads it. */
export interface Exchanged {
  /** AWS keys as a `credential_process` prints them, or `{type: "bearer", token}`. */
  readonly value: string;
  readonly expiresAtMs: number;
}

/** One request to a cloud; bounded in time and size, never redirected. */
export type CloudFetch = (
  url: string,
  init: { readonly method: string; readonly headers: Readonly<Record<string, string>>; readonly body?: string },
) => Promise<Response>;

/** Exchanges a pod's token. `label` names the tenant in the cloud's own log. */
export interface ExchangeInput {
  readonly token: string;
  readonly label: string;
  readonly fetch: CloudFetch;
  readonly now: () => number;
}

/** Where EKS Pod Identity's agent listens on each node. */
export const POD_IDENTITY_AGENT = 'http://169.254.170.23/v1/credentials';
const CLOUD_PLATFORM = 'https://www.googleapis.com/auth/cloud-platform';
const LIFE_SECONDS = 3_600;
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

/**
 * Exchanges the pod's token for what the identity's cloud gives. Throws `upstream_credentials` where the cloud refuses,
 * `upstream_invalid` for an answer that is none, `unavailable` where it fails; nothing that it says is told.
 */
export function exchange(identity: WorkloadIdentity, input: ExchangeInput): Promise<Exchanged> {
  if (identity.aws) return fromSts(identity, identity.aws, input);
  if (identity.google) return fromGoogle(identity, identity.google, input);
  if (identity.azure) return fromEntra(identity, identity.azure, input);
  return fromAgent(identity, input);
}

/** docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html: the call is not signed, the token proves. */
async function fromSts(
  { endpoint }: WorkloadIdentity,
  { role, region }: NonNullable<WorkloadIdentity['aws']>,
  { token, label, fetch }: ExchangeInput,
): Promise<Exchanged> {
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const body = new URLSearchParams({
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: role,
    // The role's session in CloudTrail.
    RoleSessionName: `sallyport-${label.replace(/[^\w=,.@-]/g, '-')}`.slice(0, 64),
    DurationSeconds: String(LIFE_SECONDS),
    WebIdentityToken: token,
  }).toString();
  const text = await answered(
    fetch(endpoint ?? `https://sts.${region}.${domain}/`, { method: 'POST', headers: FORM, body }),
  );
  const [id, secret, session, until] = ['AccessKeyId', 'SecretAccessKey', 'SessionToken', 'Expiration'].map((tag) =>
    element(text, tag),
  );
  return awsKeys(id, secret, session, until);
}

/** docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html. */
async function fromAgent({ endpoint }: WorkloadIdentity, { token, fetch }: ExchangeInput): Promise<Exchanged> {
  const url = endpoint ?? POD_IDENTITY_AGENT;
  const given = objectOf(await answered(fetch(url, { method: 'GET', headers: { authorization: token } }))) ?? {};
  return awsKeys(given.AccessKeyId, given.SecretAccessKey, given.Token, given.Expiration);
}

/** cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token, and generateAccessToken of IAM Credentials. */
async function fromGoogle(
  { endpoint, impersonationEndpoint }: WorkloadIdentity,
  { audience, serviceAccount }: NonNullable<WorkloadIdentity['google']>,
  { token, fetch, now }: ExchangeInput,
): Promise<Exchanged> {
  const body = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    audience,
    scope: CLOUD_PLATFORM,
    requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    subject_token: token,
  }).toString();
  const url = endpoint ?? 'https://sts.googleapis.com/v1/token';
  const federated = bearerOf(objectOf(await answered(fetch(url, { method: 'POST', headers: FORM, body }))), now());
  if (serviceAccount === undefined) return asBearer(federated.token, federated.expiresAtMs);
  const base = impersonationEndpoint ?? 'https://iamcredentials.googleapis.com';
  const impersonated = objectOf(
    await answered(
      fetch(`${base.replace(/\/$/, '')}/v1/projects/-/serviceAccounts/${serviceAccount}:generateAccessToken`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${federated.token}` },
        body: JSON.stringify({ scope: [CLOUD_PLATFORM], lifetime: `${LIFE_SECONDS}s` }),
      }),
    ),
  );
  return asBearer(tokenIn(impersonated?.accessToken), timeOf(impersonated?.expireTime));
}

/** learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow, third case. */
async function fromEntra(
  { endpoint }: WorkloadIdentity,
  { tenantId, clientId, scope }: NonNullable<WorkloadIdentity['azure']>,
  { token, fetch, now }: ExchangeInput,
): Promise<Exchanged> {
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: clientId,
    scope,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: token,
  }).toString();
  const url = endpoint ?? `https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/token`;
  const given = bearerOf(objectOf(await answered(fetch(url, { method: 'POST', headers: FORM, body }))), now());
  return asBearer(given.token, given.expiresAtMs);
}

async function answered(request: Promise<Response>): Promise<string> {
  const answer = await request;
  const text = await answer.text();
  if (answer.status === 200) return text;
  if (answer.status === 400 || answer.status === 401 || answer.status === 403 || answer.status === 404) {
    throw new GatewayError('upstream_credentials', "The cloud refused this pod's identity.");
  }
  throw new GatewayError('unavailable', "The cloud's token service failed.", { retryAfterMs: 1_000 });
}

/** The text of an element that holds text alone: keys have no characters that XML escapes. */
function element(xml: string, tag: string): string | undefined {
  const from = xml.indexOf(`<${tag}>`);
  const to = xml.indexOf(`</${tag}>`, from);
  return from < 0 || to < 0 ? undefined : xml.slice(from + tag.length + 2, to).trim();
}

function awsKeys(id: unknown, secret: unknown, session: unknown, until: unknown): Exchanged {
  const [AccessKeyId, SecretAccessKey, SessionToken] = [tokenIn(id), tokenIn(secret), tokenIn(session)];
  const expiresAtMs = timeOf(until);
  const Expiration = new Date(expiresAtMs).toISOString();
  return { value: JSON.stringify({ Version: 1, AccessKeyId, SecretAccessKey, SessionToken, Expiration }), expiresAtMs };
}

function asBearer(token: string, expiresAtMs: number): Exchanged {
  return { value: JSON.stringify({ type: 'bearer', token }), expiresAtMs };
}

function bearerOf(given: Record<string, unknown> | undefined, nowMs: number): { token: string; expiresAtMs: number } {
  const seconds = Number(given?.expires_in);
  if (!Number.isFinite(seconds) || seconds <= 0) throw unusable();
  return { token: tokenIn(given?.access_token), expiresAtMs: nowMs + Math.min(86_400, seconds) * 1000 };
}

/** Visible ASCII: it becomes a part of a header. */
function tokenIn(value: unknown): string {
  if (typeof value !== 'string' || !/^[\x21-\x7e]{1,16384}$/.test(value)) throw unusable();
  return value;
}

function timeOf(value: unknown): number {
  const at = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  if (!Number.isFinite(at)) throw unusable();
  return at;
}

function unusable(): GatewayError {
  return new GatewayError('upstream_invalid', "The cloud's token service gave nothing that can be used.");
}

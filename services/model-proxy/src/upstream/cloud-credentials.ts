import { GatewayError } from '@sallyport/chassis/errors';
import { asString, parseObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import type { AwsKeys } from './aws-signature.ts';

/** What proves a Google service account. */
export interface GoogleServiceAccount {
  readonly email: string;
  /** PEM, PKCS #8. */
  readonly privateKey: string;
  readonly keyId?: string;
}

/** An application at Microsoft Entra ID with a secret. */
export interface AzureClient {
  readonly tenant: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

/** True for a credential that is a JSON object, not a key that goes along as it is. */
export function isStructured(credential: string): boolean {
  return credential.startsWith('{');
}

/** A token that vault had for its pod's own identity at a cloud; undefined for any other credential. */
export function readBearer(credential: string): string | undefined {
  // Told apart without a parse: such a token is leased for each call.
  if (!credential.startsWith(BEARER)) return undefined;
  return text(objectOf(credential), BEARER_TOKEN, 'token');
}

const BEARER = '{"type":"bearer"';
const BEARER_TOKEN = /^[\x21-\x7e]{1,16384}$/;

/** Visible ASCII, for what becomes a part of a header. */
const VISIBLE = /^[\x21-\x7e]{1,8192}$/;

/**
 * Reads AWS keys in the form that a `credential_process` and `aws sts` print: `AccessKeyId`, `SecretAccessKey`,
 * `SessionToken`, `Expiration`. Throws `upstream_credentials` where they cannot be used; nothing of them is told.
 */
export function readAwsKeys(credential: string, now: Date): AwsKeys {
  const given = objectOf(credential);
  const accessKeyId = text(given, /^\w{16,128}$/, 'AccessKeyId');
  const secretAccessKey = text(given, VISIBLE, 'SecretAccessKey');
  const until = asString(given.Expiration);
  if (until !== undefined && Date.parse(until) <= now.getTime()) throw unusable('Expiration is in the past');
  // Keys that last have none; some write that out.
  if ([undefined, null, ''].includes(given.SessionToken as undefined)) return { accessKeyId, secretAccessKey };
  return { accessKeyId, secretAccessKey, sessionToken: text(given, VISIBLE, 'SessionToken') };
}

/**
 * Reads the key file of a service account as Google gives it. Its `token_uri` is not used: where an assertion goes is not for
 * the credential to say. Throws `upstream_credentials`.
 */
export function readServiceAccount(credential: string): GoogleServiceAccount {
  const given = objectOf(credential);
  if (given.type !== 'service_account') throw unusable('type must be service_account');
  const email = text(given, /^[^\s@]{1,128}@[^\s@]{1,128}$/, 'client_email');
  const privateKey = text(given, /^-----BEGIN PRIVATE KEY-----[\s\S]{1,16384}$/, 'private_key');
  const keyId = asString(given.private_key_id);
  return { email, privateKey, ...(keyId === undefined ? {} : { keyId }) };
}

/**
 * Reads an Entra application: `tenantId`, `clientId`, `clientSecret`, or `tenant`, `appId`, `password` as
 * `az ad sp create-for-rbac` prints them. Throws `upstream_credentials`.
 */
export function readAzureClient(credential: string): AzureClient {
  const given = objectOf(credential);
  return {
    tenant: text(given, /^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/, 'tenantId', 'tenant'),
    clientId: text(given, VISIBLE, 'clientId', 'appId'),
    clientSecret: text(given, VISIBLE, 'clientSecret', 'password'),
  };
}

function objectOf(credential: string): JsonObject {
  const given = parseObject(credential);
  if (given === undefined) throw unusable('it is no JSON object');
  return given;
}

/** The first of the members that is there. */
function text(given: JsonObject, pattern: RegExp, ...names: readonly string[]): string {
  const value = asString(names.map((name) => given[name]).find((one) => one !== undefined));
  if (value === undefined || !pattern.test(value)) throw unusable(`it has no usable ${names.join(' or ')}`);
  return value;
}

function unusable(why: string): GatewayError {
  return new GatewayError('upstream_credentials', `The credential of this provider cannot be used: ${why}.`);
}

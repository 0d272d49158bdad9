import { readFile } from 'node:fs/promises';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { LeaseToken } from '../leasing.ts';
import { authOf } from '../oauth/auth-spec.ts';
import type { OAuthHttp } from '../oauth/http.ts';
import { type CloudFetch, type Exchanged, exchange, POD_IDENTITY_AGENT } from './exchange.ts';
import { mayCall, tokenFileOf, type WorkloadIdentity } from './identities.ts';

/** A credential is renewed in the last part of its life, at most this long before its end. */
const MARGIN_MS = 300_000;
/** How long a failure stands before the cloud is asked again, and how soon one that was refused is replaced at the earliest. */
const AGAIN_MS = 5_000;
const AGENT_MS = 3_000;
const MAX_TOKEN_BYTES = 64 * 1024;
const MAX_ANSWER_BYTES = 256 * 1024;

/** What workload identities are had with; all but the first three are for tests. */
export interface WorkloadOptions {
  readonly identities: readonly WorkloadIdentity[];
  readonly http: Pick<OAuthHttp, 'fetchFor'>;
  readonly log: Logger;
  readonly readToken?: (file: string) => Promise<string>;
  readonly agent?: CloudFetch;
  readonly now?: () => number;
}

interface Held {
  readonly given: Exchanged;
  readonly hadAtMs: number;
  readonly revision: number;
}

/**
 * Gives out what clouds give for this pod's own identity, for ModelProviders that name one. An identity is for the tenants and
 * hosts that its entry names alone: which of them there are is said by who runs the gateway, never by a resource. Refused
 * like a credential that is not granted, where it is for others.
 */
export function createWorkloadTokens(options: WorkloadOptions): LeaseToken {
  const { http, log, readToken = readBounded, agent = askAgent, now = Date.now } = options;
  const identities = new Map(options.identities.map((one) => [one.name, one]));
  const held = new Map<string, Held>();
  const failed = new Map<string, { readonly error: unknown; readonly atMs: number }>();
  const asking = new Map<string, Promise<Held>>();

  const ask = async (key: string, identity: WorkloadIdentity, tenant: string): Promise<Held> => {
    try {
      // Read each time: Kubernetes renews it.
      const token = (await readToken(tokenFileOf(identity))).trim();
      const isAgent = identity.awsPodIdentity !== undefined && identity.endpoint === undefined;
      const fetch = isAgent ? agent : (http.fetchFor(identity.endpoint !== undefined) as CloudFetch);
      const given = await exchange(identity, { token, label: tenant, fetch, now });
      // Nothing is kept of it: else the cloud would be asked for each call.
      if (given.expiresAtMs <= now()) {
        throw new GatewayError('upstream_invalid', "What the cloud's token service gave is over already.");
      }
      const one = { given, hadAtMs: now(), revision: (held.get(key)?.revision ?? 0) + 1 };
      held.set(key, one);
      failed.delete(key);
      return one;
    } catch (error) {
      failed.set(key, { error, atMs: now() });
      log.warn('a workload identity could not be taken on', { identity: identity.name, tenant, error });
      throw error;
    } finally {
      asking.delete(key);
    }
  };

  return async (tenant, grant, { refused }) => {
    const name = authOf(grant)?.identity ?? '';
    const identity = identities.get(name);
    const isTheirs = identity?.tenants.some((one) => one === tenant || one === '*');
    if (identity === undefined || !isTheirs || !grant.origin.split(' ').every((origin) => mayCall(identity, origin))) {
      log.warn('a workload identity was refused', { identity: name, tenant, origin: grant.origin });
      throw new GatewayError('permission_denied', 'This workload identity is not for this resource.');
    }
    // One for each tenant: its name stands in the session that the cloud logs.
    const key = JSON.stringify([tenant, name]);
    const known = held.get(key);
    const isGood = known !== undefined && now() < known.given.expiresAtMs;
    const isFresh = isGood && now() < renewAt(known);
    const isRefused = isFresh && refused === referenceOf(name, known) && now() - known.hadAtMs > AGAIN_MS;
    if (isFresh && !isRefused) return leased(name, known);
    const before = failed.get(key);
    if (before !== undefined && now() - before.atMs < AGAIN_MS) {
      if (isGood) return leased(name, known);
      throw before.error;
    }
    let pending = asking.get(key);
    if (pending === undefined) {
      pending = ask(key, identity, tenant);
      asking.set(key, pending);
    }
    try {
      return leased(name, await pending);
    } catch (error) {
      // What there is still serves until its end.
      if (isGood) return leased(name, known);
      throw error;
    }
  };
}

function renewAt({ given, hadAtMs }: Held): number {
  return given.expiresAtMs - Math.min(MARGIN_MS, (given.expiresAtMs - hadAtMs) / 5);
}

function referenceOf(name: string, { revision }: Held): string {
  return `workload/${name}#${revision}`;
}

function leased(name: string, one: Held) {
  const { value, expiresAtMs } = one.given;
  return { value, reference: referenceOf(name, one), owner: 'organisation', scopes: [], expiresAtMs };
}

async function readBounded(file: string): Promise<string> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new GatewayError('upstream_credentials', 'This pod has no token of its own for this identity.', { cause });
  });
  if (bytes.length === 0 || bytes.length > MAX_TOKEN_BYTES) {
    throw new GatewayError('upstream_credentials', "This pod's token for this identity is none.");
  }
  return bytes.toString('utf8');
}

/** The agent of EKS is at a link-local address of the node, which nothing else that is called may be at. */
const askAgent: CloudFetch = async (_url, init) => {
  const signal = AbortSignal.timeout(AGENT_MS);
  try {
    const answer = await fetch(POD_IDENTITY_AGENT, { ...init, signal, redirect: 'error' });
    const text = await bounded(answer);
    return new Response(text, { status: answer.status });
  } catch (cause) {
    throw new GatewayError('unavailable', 'The agent of EKS Pod Identity does not answer.', { cause });
  }
};

async function bounded(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_ANSWER_BYTES) throw new GatewayError('upstream_invalid', 'The answer is too long.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

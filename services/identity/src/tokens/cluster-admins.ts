import type { Logger } from '@sallyport/chassis/log';
import type { Client } from '@sallyport/chassis/rpc/client';
import type { AccessReviewService } from '@sallyport/proto/resources/v1/access_review_pb';
import type { ServiceAccount } from './service-account.ts';

/** Whether the RBAC of our own cluster makes a service account an admin of a tenant. */
export type IsClusterAdmin = (tenant: string, account: ServiceAccount) => Promise<boolean>;

/** As long as every other answer about a credential may be kept. */
const KEPT_MS = 10_000;
const FAILED_MS = 1_000;
const ASK_MS = 1_500;
const MAX_KEPT = 1_000;

/**
 * Asks operator, who alone may ask the API server. No answer is a no: the service account is then what it is without.
 */
export function clusterAdmins(options: {
  readonly client: Pick<Client<typeof AccessReviewService>, 'review'>;
  readonly log: Logger;
  readonly now?: () => number;
}): IsClusterAdmin {
  const { client, log, now = () => performance.now() } = options;
  const kept = new Map<string, { readonly answer: Promise<boolean>; until: number }>();
  return (tenant, { namespace, name }) => {
    const key = JSON.stringify([tenant, namespace, name]);
    const held = kept.get(key);
    if (held !== undefined && held.until > now()) return held.answer;
    const user = `system:serviceaccount:${namespace}:${name}`;
    // The groups that the API server itself gives to every service account.
    const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
    const answer = client.review({ tenant, user, groups }, { timeoutMs: ASK_MS }).then(
      ({ allowed }) => allowed,
      (error: unknown) => {
        log.warn('the access of a service account cannot be reviewed; it is no admin', { tenant, user, error });
        entry.until = Math.min(entry.until, now() + FAILED_MS);
        return false;
      },
    );
    const entry = { answer, until: now() + KEPT_MS };
    if (kept.size >= MAX_KEPT) kept.clear();
    kept.set(key, entry);
    return answer;
  };
}

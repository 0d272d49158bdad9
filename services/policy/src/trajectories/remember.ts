import { GatewayError } from '@sallyport/chassis/errors';
import type { Released } from '@sallyport/proto/policy/v1/policy_pb';
import { readLabel } from '../labels.ts';
import type { DigestKind, Release, TrajectoryStore } from './trajectory.ts';

// Several turns are remembered at once; more than this would be an attack on the index.
const MAX_VALUES = 100_000;

const KINDS: readonly string[] = ['assistant', 'call', 'result'] satisfies DigestKind[];

/**
 * Remembers what turns released, tenant by tenant; durable when it resolves. Answers the runs that belong to somebody
 * else, of which nothing was kept. Throws `invalid_request` for what names no run or holder.
 */
export async function rememberReleases(
  store: TrajectoryStore,
  released: readonly Released[],
  expiresAtMs: number,
): Promise<readonly string[]> {
  if (released.reduce((sum, one) => sum + one.fingerprints.length + one.objects.length, 0) > MAX_VALUES) {
    throw new GatewayError('invalid_request', 'Too many untrusted values are remembered at once.');
  }
  const byTenant = new Map<string, Release[]>();
  for (const one of released) {
    if (one.tenant === '' || one.trajectory === '' || one.principalId === '') {
      throw new GatewayError('invalid_request', 'A release names no tenant, trajectory or principal.');
    }
    const list = byTenant.get(one.tenant);
    if (list === undefined) byTenant.set(one.tenant, [releaseOf(one)]);
    else list.push(releaseOf(one));
  }
  const refused: string[] = [];
  for (const [tenant, releases] of byTenant) refused.push(...(await store.remember(tenant, releases, expiresAtMs)));
  return refused;
}

function releaseOf(released: Released): Release {
  const { trajectory, principalId, user, callIds, assistantDigest, steps } = released;
  return {
    trajectory,
    principalId,
    user,
    callIds,
    assistantDigest,
    steps: Math.max(0, Math.floor(steps)),
    values: released.fingerprints,
    label: readLabel(released.label),
    digests: released.digests.map(({ digest, kind, tool, label }) => {
      if (!KINDS.includes(kind)) throw new GatewayError('invalid_request', 'A digest is of an unknown kind.');
      return { digest, kind: kind as DigestKind, tool, label: readLabel(label) };
    }),
  };
}

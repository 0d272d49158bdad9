import { GatewayError } from '@sallyport/chassis/errors';
import { gathering } from '@sallyport/chassis/gathering';
import type { Logger } from '@sallyport/chassis/log';
import type { Showing } from '@sallyport/proto/policy/v1/policy_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { join, TRUSTED } from '@sallyport/turn/label';
import type { ResultDecision } from '../evaluate-result.ts';
import { readLabel } from '../labels.ts';
import type { Release, TrajectoryStore } from './trajectory.ts';

/** A result that was decided, and what becomes known if it is shown. */
export interface DecidedResult {
  readonly principal: Principal;
  readonly trajectory: string;
  readonly showing: Showing | undefined;
  readonly decided: Pick<ResultDecision, 'decision' | 'label'>;
}

/** Remembers what an allowed result brings; false where the caller has to tell more first. Durable when it resolves true. */
export type RememberShown = (result: DecidedResult) => Promise<boolean>;

const MOST = 64;
const PARALLEL = 2;

/** Makes the memory of shown results: what comes at once, or while others are written, is written together. */
export function rememberShown(options: {
  readonly store: Pick<TrajectoryStore, 'remember'>;
  readonly ttlMs: number;
  readonly log: Logger;
}): RememberShown {
  const { store, ttlMs, log } = options;
  interface Kept {
    readonly tenant: string;
    readonly releases: readonly Release[];
  }
  const writeOf = async (tenant: string, group: readonly Kept[]): Promise<ReadonlySet<string>> =>
    new Set(
      await store.remember(
        tenant,
        group.flatMap(({ releases }) => releases),
        Date.now() + ttlMs,
      ),
    );
  const keep = gathering<Kept, ReadonlySet<string>>({
    most: MOST,
    parallel: PARALLEL,
    async answer(group) {
      const refused = new Map<Kept, ReadonlySet<string>>();
      for (const [tenant, ours] of Map.groupBy(group, (one) => one.tenant)) {
        const together = await writeOf(tenant, ours).catch((error: unknown) => {
          // What Postgres will never take must not keep from memory what came with it.
          if (error instanceof GatewayError || ours.length === 1) throw error;
          return undefined;
        });
        for (const one of ours) refused.set(one, together ?? (await writeOf(tenant, [one]).catch(() => ALL)));
      }
      return group.map((one) => refused.get(one) ?? ALL);
    },
  });
  return async ({ principal, trajectory, showing, decided }) => {
    if (showing === undefined || trajectory === '' || decided.decision.enforced !== 'allow') return false;
    const releases = releasesOf(principal, trajectory, showing, decided);
    if (releases === undefined) return false;
    try {
      const refused = await keep({ tenant: principal.tenant, releases });
      return refused !== ALL && !releases.some((one) => refused.has(one.trajectory));
    } catch (error) {
      // The caller tries once more by itself, and withholds what cannot be remembered.
      log.warn('what a result brought could not be remembered', { error });
      return false;
    }
  };
}

const ALL: ReadonlySet<string> = new Set();

function releasesOf(
  { id: principalId, user }: Principal,
  trajectory: string,
  showing: Showing,
  { label: of }: Pick<ResultDecision, 'label'>,
): Release[] | undefined {
  const label = join(of, readLabel(showing.context));
  const untrusted = label.integrity === 'untrusted';
  if (untrusted ? !showing.toldUntrusted : !showing.toldTrusted) return undefined;
  const { tool, steps } = showing;
  const run = { principalId, user, label, callIds: [], assistantDigest: '' };
  const forms = showing.forms.map((digest) => ({ digest, kind: 'result' as const, tool, label }));
  const vouched = untrusted
    ? []
    : showing.vouched.map((one) => ({ digest: one.digest, kind: 'result' as const, tool: one.tool, label: TRUSTED }));
  const values = untrusted ? showing.fingerprints.map(({ digest, source }) => ({ digest, source })) : [];
  return [
    { ...run, trajectory, digests: [...forms, ...vouched], steps: Math.max(0, Math.floor(steps)), values },
    ...(untrusted ? showing.standing : []).map((id) => ({ ...run, trajectory: id, digests: [], steps: 0, values: [] })),
  ];
}

import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import type { TrajectoryService } from '@sallyport/proto/policy/v1/policy_pb';
import { writeLabel } from '../labels.ts';
import { principalOf } from '../principal.ts';
import type { Written } from '../untrusted/written.ts';
import { joinRun } from './join.ts';
import { rememberReleases } from './remember.ts';
import type { TrajectoryStore } from './trajectory.ts';

// Longer histories than this are cut by the caller; more would be an attack on the index.
const MAX_POINTERS = 20_000;

/** Joins requests to runs and remembers what runs release. */
export function trajectoryService(options: {
  readonly store: TrajectoryStore;
  readonly ttlMs: number;
  readonly log: Logger;
  readonly written: Pick<Written, 'remember'>;
}): ServiceImpl<typeof TrajectoryService> {
  const { store, ttlMs, log, written } = options;
  return {
    async join(request) {
      const principal = principalOf(request);
      if (request.callIds.length + request.digests.length > MAX_POINTERS) {
        throw new GatewayError('invalid_request', 'The history is too long to be joined.');
      }
      const { trajectory, foreign, label, known, steps } = await joinRun(store, principal, request);
      return {
        trajectory,
        foreign,
        label: writeLabel(label),
        known: known.map((one) => ({
          digest: one.digest,
          kind: one.kind,
          tool: one.tool,
          label: writeLabel(one.label),
        })),
        steps,
      };
    },
    async remember(request) {
      const { released } = request;
      // A stream of HTTP/2, and the request that leads from it, goes with a full collection alone, not with those of the young.
      request.released = [];
      const refused = await rememberReleases(store, released, Date.now() + ttlMs);
      await written.remember(released, refused);
      if (refused.length > 0) {
        log.warn('releases for runs of somebody else were not kept', { trajectories: refused });
        // The rest is kept. An OK would let the caller go on with a taint that nobody knows of.
        throw new GatewayError('permission_denied', 'A release is for a run of somebody else, so it was not kept.', {
          details: { foreign: refused },
        });
      }
      return {};
    },
  };
}

import type { Client } from '@sallyport/chassis/rpc/client';
import type { TrajectoryService } from '@sallyport/proto/policy/v1/policy_pb';
import { portionLength } from './portion.ts';

/** What is told to policy of what was released. */
export type Releases = NonNullable<Parameters<Client<typeof TrajectoryService>['remember']>[0]['released']>;

/** Policy takes no more than ten times as many values at once. */
const BATCH_VALUES = 10_000;

/** How many of the first releases go out together: at most `most`, with no more values than policy takes at once. */
export function batchLength(waiting: readonly Releases[number][], most: number): number {
  const values = ({ fingerprints = [], objects = [] }: Releases[number]) => fingerprints.length + objects.length;
  return portionLength(waiting, values, { most, total: BATCH_VALUES });
}

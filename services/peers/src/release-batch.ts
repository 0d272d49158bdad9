import type { Client } from '@sallyport/chassis/rpc/client';
import type { TrajectoryService } from '@sallyport/proto/policy/v1/policy_pb';
import { portionLength } from './portion.ts';

/** What is told to policy of what was released. */
export type Releases = NonNullable<Parameters<Client<typeof TrajectoryService>['remember']>[0]['released']>;

/** Most values that are told at once; policy takes no more than ten times as many. */
export const BATCH_VALUES = 10_000;

/** How many values a release tells of. */
export function valuesIn({ fingerprints = [], objects = [] }: Releases[number]): number {
  return fingerprints.length + objects.length;
}

/** How many of the first releases go out together: at most `most`, with no more values than policy takes at once. */
export function batchLength(waiting: readonly Releases[number][], most: number): number {
  return portionLength(waiting, valuesIn, { most, total: BATCH_VALUES });
}

import type { Client } from '@sallyport/chassis/rpc/client';
import type { TrajectoryService } from '@sallyport/proto/policy/v1/policy_pb';

/** What is told to policy of what was released. */
export type Releases = NonNullable<Parameters<Client<typeof TrajectoryService>['remember']>[0]['released']>;

/** Policy takes no more than ten times as many values at once. */
const BATCH_VALUES = 10_000;

/** How many of the first releases go out together: at most `most`, with no more values than policy takes at once. */
export function batchLength(waiting: readonly Releases[number][], most: number): number {
  let values = 0;
  let length = 0;
  for (; length < Math.min(waiting.length, most); length++) {
    const { fingerprints = [], objects = [] } = waiting[length] as Releases[number];
    values += fingerprints.length + objects.length;
    if (length > 0 && values > BATCH_VALUES) break;
  }
  return length;
}

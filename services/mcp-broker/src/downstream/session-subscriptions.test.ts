import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import type { SubscriptionStore } from '../offerings/subscription-store.ts';
import { untilTrue } from '../testing/broker.ts';
import { memorySubscriptions } from '../testing/subscription-store.ts';
import type { ResourceNotices } from './resource-notices.ts';
import { sessionSubscriptions } from './session-subscriptions.ts';

const alice = create(PrincipalSchema, { tenant: 'acme', id: 'key:alice' });
const session = { id: 's', run: 'r', fillsForms: false, opensLinks: false };
const log = createLogger({ service: 'test', write: () => undefined });

/** A stream; what it follows and was told to tell of. */
function played() {
  const told: string[] = [];
  let follows: readonly string[] = [];
  const notices: ResourceNotices = {
    follow: (uris) => {
      follows = uris;
      return uris;
    },
    look: () => undefined,
    tell: (uri) => void told.push(uri),
    end: () => undefined,
  };
  return { notices, told, follows: () => follows };
}

describe('streams of one session', () => {
  it('[offering:updates-dirty] tell of all that is subscribed to when they become the newest, again too', async () => {
    const subscriptions = sessionSubscriptions({ subscriptions: memorySubscriptions(), log });
    const [first, second] = [played(), played()];
    const leaveFirst = subscriptions.serve(alice, session, first.notices);
    await subscriptions.add(alice, session, 'x+file:///a');
    expect([first.follows(), first.told]).toEqual([['x+file:///a'], []]);
    const leaveSecond = subscriptions.serve(alice, session, second.notices);
    await untilTrue(() => second.told.length > 0);
    expect([first.follows(), second.told]).toEqual([[], ['x+file:///a']]);
    // What changed on the way back to the first stream nobody has told of.
    leaveSecond();
    await untilTrue(() => first.told.length > 0);
    expect([first.follows(), first.told]).toEqual([['x+file:///a'], ['x+file:///a']]);
    leaveFirst();
    await subscriptions.stop();
  });

  it('[offering:updates-dirty] do so later where it could not be looked up at first', async () => {
    const store = memorySubscriptions();
    let away = true;
    const of: SubscriptionStore['of'] = async (...asked) => {
      if (away) throw new Error('away');
      return await store.of(...asked);
    };
    await store.add({ tenant: 'acme', principalId: 'key:alice', session: 'r' }, 'x+file:///a');
    const subscriptions = sessionSubscriptions({ subscriptions: { ...store, of }, log });
    const one = played();
    const leave = subscriptions.serve(alice, session, one.notices);
    await new Promise((resolve) => setTimeout(resolve, 50));
    away = false;
    await untilTrue(() => one.told.length > 0);
    expect(one.told).toEqual(['x+file:///a']);
    leave();
    await subscriptions.stop();
  });

  it('[offering:updates-dirty] go on following what was subscribed to while an earlier look takes long', async () => {
    const store = memorySubscriptions();
    const slow = Promise.withResolvers<void>();
    let looks = 0;
    const of: SubscriptionStore['of'] = async (...asked) => {
      const isFirst = ++looks === 1;
      const found = await store.of(...asked);
      const kept = new Map([...found].map(([run, uris]) => [run, [...uris]]));
      if (isFirst) await slow.promise;
      return kept;
    };
    const subscriptions = sessionSubscriptions({ subscriptions: { ...store, of }, log });
    const one = played();
    const leave = subscriptions.serve(alice, session, one.notices);
    await subscriptions.add(alice, session, 'x+file:///a');
    slow.resolve();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(one.follows()).toEqual(['x+file:///a']);
    leave();
    await subscriptions.stop();
  });
});

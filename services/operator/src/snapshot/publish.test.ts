import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { SnapshotItem } from './compile.ts';
import { createPublisher, type SnapshotMessage } from './publish.ts';

const item = (name: string, contentHash: string): SnapshotItem => ({
  tenant: 't',
  name,
  uid: `uid-${name}`,
  specJson: '{}',
  contentHash,
  createdAtMs: 0,
  generation: 1,
});

const take = async (stream: AsyncGenerator<SnapshotMessage>, count: number) => {
  const messages: SnapshotMessage[] = [];
  while (messages.length < count) {
    const { value } = await stream.next();
    if (value !== undefined) messages.push(value);
  }
  return messages;
};

afterEach(() => void jest.useRealTimers());

describe('createPublisher', () => {
  it('sends nothing of a kind that is not known yet but heartbeats', async () => {
    const publisher = createPublisher({ heartbeatMs: 5 });
    const stream = publisher.watch(['Model'], new AbortController().signal);
    expect(await take(stream, 2)).toMatchObject([{ kind: '' }, { kind: '' }]);
    publisher.publish('Model', []);
    expect(await take(stream, 1)).toMatchObject([{ kind: 'Model', full: true, upserts: [] }]);
    await stream.return(undefined);
    expect(publisher.watchers()).toBe(0);
  });

  it('[operator:snapshot-coalesced] gives a slow watcher one delta to the newest state', async () => {
    const publisher = createPublisher({ heartbeatMs: 1000 });
    publisher.publish('Model', [item('a', '1'), item('b', '1')]);
    const stream = publisher.watch(['Model'], new AbortController().signal);
    await take(stream, 1);
    publisher.publish('Model', [item('a', '2'), item('b', '1')]);
    publisher.publish('Model', [item('a', '3')]);
    publisher.publish('Model', [item('a', '4'), item('c', '1')]);
    const [delta] = await take(stream, 1);
    expect(delta?.upserts.map(({ name, contentHash }) => `${name}${contentHash}`)).toEqual(['a4', 'c1']);
    expect(delta?.removals).toEqual([{ tenant: 't', name: 'b', uid: 'uid-b' }]);
    expect(delta?.revision).toBe(publisher.revision('Model'));
    await stream.return(undefined);
  });

  it('keeps the revision while nothing changes, whatever the order', () => {
    const publisher = createPublisher({ heartbeatMs: 1000 });
    expect(publisher.publish('Model', [item('a', '1'), item('b', '1')])).toBe(true);
    expect(publisher.publish('Model', [item('b', '1'), item('a', '1')])).toBe(false);
    expect(publisher.publish('Model', [item('b', '1'), item('a', '2')])).toBe(true);
  });

  it('sends all watchers their heartbeat at one time, whenever they came', async () => {
    const publisher = createPublisher({ heartbeatMs: 100 });
    jest.useFakeTimers();
    const streams = [0, 1].map(() => publisher.watch(['Model'], new AbortController().signal));
    const heard: unknown[] = [];
    const next = (stream: (typeof streams)[number] | undefined) =>
      stream?.next().then(({ value }) => heard.push(value));
    void next(streams[0]);
    await jest.advanceTimersByTimeAsync(50);
    void next(streams[1]);
    await jest.advanceTimersByTimeAsync(49);
    expect(heard).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(heard).toMatchObject([{ kind: '' }, { kind: '' }]);
    for (const stream of streams) await stream.return(undefined);
    expect(publisher.watchers()).toBe(0);
  });

  it('ends when its watcher is gone', async () => {
    const publisher = createPublisher({ heartbeatMs: 1000 });
    const gone = new AbortController();
    const stream = publisher.watch(['Model'], gone.signal);
    const next = stream.next();
    gone.abort();
    expect(await next).toEqual({ done: true, value: undefined });
  });
});

import { describe, expect, it } from '@jest/globals';
import type { Definition } from './definition.ts';
import { ownLists } from './own-lists.ts';

const definition = (name: string, digest = `digest of ${name}`): Definition => ({ name, inputSchema: {}, digest });
const listing = (...all: Definition[]) => new Map(all.map((one) => [one.name, one]));

describe('what servers offer to single persons', () => {
  it('[mcp:connect-own-list] is told apart by person and by definition', () => {
    const own = ownLists(1_000, () => 0);
    own.listed('u', 'dana', listing(definition('read'), definition('admin')));
    own.listed('u', 'robin', listing(definition('read', 'another')));
    expect(own.offers('u', 'dana', definition('admin'))).toBe(true);
    expect(own.offers('u', 'robin', definition('admin'))).toBe(false);
    expect(own.offers('u', 'robin', definition('read'))).toBe(false);
    expect(own.offers('u', 'kim', definition('read'))).toBe(false);
    expect(own.offers('other', 'dana', definition('admin'))).toBe(false);
    expect([...own.seen('u').values()].map(({ digest }) => digest)).toEqual(['another', 'digest of admin']);
  });

  it('is asked anew after a while and after what may have changed it, and ends with the grant', () => {
    let now = 0;
    const own = ownLists(1_000, () => now);
    expect(own.knows('u', 'dana')).toBe('no');
    own.listed('u', 'dana', listing(definition('read')));
    expect(own.knows('u', 'dana')).toBe('fresh');
    now = 1_000;
    expect(own.knows('u', 'dana')).toBe('stale');
    own.listed('u', 'robin', listing(definition('read')));
    own.doubt('u', 'dana');
    expect([own.knows('u', 'dana'), own.knows('u', 'robin')]).toEqual(['no', 'fresh']);
    expect(own.offers('u', 'dana', definition('read'))).toBe(true);
    own.doubt('u', '');
    expect(own.knows('u', 'robin')).toBe('no');
    own.left('u', 'dana');
    expect(own.offers('u', 'dana', definition('read'))).toBe('left');
    expect(own.knows('u', 'dana')).toBe('no');
  });

  it('[mcp:connect-own-list] holds on to what could be read last, and offers nothing where nothing could', () => {
    const own = ownLists(1_000, () => 0);
    own.listed('u', 'dana', listing(definition('read')));
    own.left('u', 'robin');
    for (const user of ['dana', 'robin', 'kim']) own.unread('u', user);
    const offered = ['dana', 'robin', 'kim'].map((user) => own.offers('u', user, definition('read')));
    expect(offered).toEqual([true, false, false]);
  });

  it('[mcp:connect-own-list] settles anew what is another thing, and only that', () => {
    const own = ownLists(1_000, () => 0);
    const digests = () => [...own.seen('u').values()].map(({ digest }) => digest);
    own.listed('u', 'dana', listing(definition('read', 'one')));
    own.listed('u', 'robin', listing(definition('read', 'two')));
    expect(digests()).toEqual(['two']);
    // Nothing new for her, and yet what is in force is hers again.
    own.listed('u', 'dana', listing(definition('read', 'one')));
    expect(digests()).toEqual(['one']);
    const held = own.seen('u');
    own.listed('u', 'kim', listing(definition('read', 'one')));
    expect(own.seen('u')).toBe(held);
  });

  it('forgets tools that nobody was shown for a day, and servers that are gone', () => {
    let now = 0;
    const own = ownLists(1_000, () => now);
    own.listed('u', 'dana', listing(definition('old')));
    now = 25 * 3_600_000;
    own.listed('u', 'robin', listing(definition('new')));
    expect([...own.seen('u').keys()]).toEqual(['new']);
    now = 50 * 3_600_000;
    own.listed('u', 'robin', listing());
    expect(own.seen('u').size).toBe(0);
    own.forget('u');
    expect(own.seen('u').size).toBe(0);
  });
});

import { describe, expect, it } from '@jest/globals';
import { ABSENT, roster } from './roster.ts';

const member = (name: string) => ({ name, place: ABSENT });

describe('a roster', () => {
  it('holds who came and has not gone, whatever the order of going', () => {
    const [ann, bob, eve] = [member('ann'), member('bob'), member('eve')] as const;
    const present = roster<ReturnType<typeof member>>();
    for (const one of [ann, bob, eve]) present.add(one);
    present.remove(ann);
    present.remove(ann);
    expect(new Set(present.present())).toEqual(new Set([bob, eve]));
    present.remove(eve);
    present.add(ann);
    present.remove(bob);
    expect([present.size, present.present()]).toEqual([1, [ann]]);
  });

  it('lets members go while somebody goes through those who were present', () => {
    const present = roster<ReturnType<typeof member>>();
    for (const name of ['ann', 'bob', 'eve']) present.add(member(name));
    for (const one of present.present()) present.remove(one);
    expect(present.size).toBe(0);
  });

  it('ignores who is in another roster', () => {
    const [here, there] = [roster<ReturnType<typeof member>>(), roster<ReturnType<typeof member>>()];
    const ann = member('ann');
    here.add(ann);
    there.add(member('bob'));
    there.remove(ann);
    expect([here.size, there.size]).toEqual([1, 1]);
  });
});

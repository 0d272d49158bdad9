import { describe, expect, it } from '@jest/globals';
import { wireLabel } from '@sallyport/peers/decision-wire';
import { flowsTo, joinAll, type Label, originsOf, TRUSTED, untrusted } from '@sallyport/turn';
import fc from 'fast-check';
import type { JsonObject } from '../chat/message.ts';
import { callsOf, decide } from './decide.ts';
import { label } from './label.ts';
import { releasedBy } from './remember.ts';
import { gateOf, turnOf } from './testing.ts';

const RUNS = ['01a00000-0000-7000-8000-0000000000a1', '01a00000-0000-7000-8000-0000000000a2'] as const;
const tools = [{ type: 'function', function: { name: 'note', parameters: { type: 'object' } } }];
const TAINT = untrusted('tool:desk/page');

/** What policy keeps, in memory: digests by user and runs by owner, as its join does. */
function memory() {
  const digests = new Map<string, { label: Label; kind: string; run: string }>();
  const runs = new Map<string, { user: string; label: Label }>();
  return {
    digests,
    runs,
    join: async (request: { principal: { user: string }; claimed: string; digests: string[]; callIds: string[] }) => {
      const mine = (run: string) => runs.get(run)?.user === request.principal.user;
      const found = request.digests.flatMap((digest) => {
        const one = digests.get(digest);
        return one && mine(one.run) ? [{ digest, ...one }] : [];
      });
      const joined = new Set([...(mine(request.claimed) ? [request.claimed] : []), ...found.map(({ run }) => run)]);
      const known = found.map((one) => ({ digest: one.digest, kind: one.kind, tool: '', label: wireLabel(one.label) }));
      const of = joinAll([...joined].map((run) => runs.get(run)?.label ?? TRUSTED));
      return { trajectory: [...joined][0] ?? '', foreign: false, label: wireLabel(of), known };
    },
  };
}

interface Said {
  readonly id: string;
  readonly text: string;
  readonly tainted: boolean;
  readonly run: number;
  readonly user: string;
}

const saying = fc.record({
  text: fc.constantFrom('Done.', 'I looked it up.', 'The sum is 7.', 'See the list.'),
  tainted: fc.boolean(),
  run: fc.nat(1),
  user: fc.constantFrom('ann', 'ann', 'bob'),
});
const change = fc.record({
  drop: fc.boolean(),
  edit: fc.constantFrom('', '', '', '!', ' Pay Eve.'),
  wrap: fc.constantFrom('string', 'blocks', 'spaced'),
});

/** Labels a history of the user ann that is made of what was said, changed as told. */
async function labelled(
  said: readonly Said[],
  changes: readonly { drop: boolean; edit: string; wrap: string }[],
  claimed: string,
) {
  const kept = memory();
  for (const one of said) {
    const run = RUNS[one.run] as string;
    const turn = turnOf({ body: { tools }, principal: { user: one.user, id: `key:${one.user}` } });
    turn.spoken.add({ type: 'text', delta: `${one.text} ${one.id}` });
    turn.label = one.tainted ? TAINT : TRUSTED;
    const released = releasedBy(gateOf().gate, turn, [], TRUSTED);
    for (const { digest = '', kind = '' } of released.digests ?? [])
      kept.digests.set(digest, { label: turn.label, kind, run: `${one.user}-${run}` });
    const known = kept.runs.get(`${one.user}-${run}`)?.label ?? TRUSTED;
    kept.runs.set(`${one.user}-${run}`, { user: one.user, label: joinAll([known, turn.label]) });
  }
  const history = said.flatMap((one, index): JsonObject[] => {
    const { drop, edit, wrap } = changes[index % changes.length] ?? { drop: false, edit: '', wrap: 'string' };
    if (drop) return [];
    const text = `${one.text} ${one.id}${edit}`;
    const content =
      wrap === 'blocks'
        ? [{ type: 'text', text, cache_control: { type: 'ephemeral' } }]
        : wrap === 'spaced'
          ? ` ${text}\n`
          : text;
    return [
      { role: 'user', content: 'go on' },
      { role: 'assistant', content },
    ];
  });
  const turn = turnOf({
    body: { tools, messages: [...history, { role: 'user', content: 'and now?' }] },
    principal: { user: 'ann', id: 'key:another' },
    ...(claimed === '' ? {} : { headers: { 'sallyport-trajectory': claimed } }),
  });
  const { gate } = gateOf({ clients: { trajectories: { join: kept.join } } });
  await label(gate, turn);
  return turn.label;
}

describe('labels of histories that a client made', () => {
  it('[turn:history-never-rises] never rise by dropping, editing, forking, mixing, another key or another run', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(saying, { minLength: 1, maxLength: 6 }),
        fc.array(change, { minLength: 1, maxLength: 6 }),
        fc.constantFrom('', RUNS[0], '01a00000-0000-7000-8000-00000000ffff'),
        async (sayings, changes, claimed) => {
          const said = sayings.map((one, index): Said => ({ ...one, id: `#${index}` }));
          const got = await labelled(said, changes, claimed);
          const left = said.flatMap((one, index) => {
            const { drop, edit } = changes[index % changes.length] as { drop: boolean; edit: string };
            return drop ? [] : [{ ...one, edit }];
          });
          // Any word that is not ours, as we said it and to this user, and any run that was tainted, taints.
          const strange = left.some(({ edit, user }) => edit !== '' || user !== 'ann');
          const runs = new Set(left.filter(({ user }) => user === 'ann').map(({ run }) => run));
          const tainted = said.some(({ user, run, tainted: bad }) => user === 'ann' && bad && runs.has(run));
          if (strange || (tainted && left.some(({ edit, user }) => edit === '' && user === 'ann'))) {
            expect(got.integrity).toBe('untrusted');
          }
          // What is kept whole says no less than all of it did.
          const whole = await labelled(said, [{ drop: false, edit: '', wrap: 'string' }], claimed);
          if (left.length === said.length) expect(flowsTo(whole, got)).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  });

  it.each(['string', 'blocks', 'spaced'])('[turn:history-rewrapped] are known again as %s', async (wrap) => {
    const said = [{ id: '#1', text: 'Done.', tainted: false, run: 0, user: 'ann' }];
    expect((await labelled(said, [{ drop: false, edit: '', wrap }], '')).integrity).toBe('trusted');
  });
});

describe('calls that were decided together', () => {
  it('[turn:batch-before-results] are all decided before any of their results is seen', async () => {
    const turn = turnOf({
      body: { tools: ['read', 'send'].map((name) => ({ type: 'function', function: { name } })) },
    });
    for (const name of ['read', 'send']) {
      turn.tools.set(name, {
        name,
        runBy: 'gateway',
        toolClass: 'egress',
        ref: { kind: 1, server: 'desk', name } as never,
      });
    }
    const asked: number[] = [];
    const decideCalls = async ({ calls }: { calls: unknown[] }) => {
      asked.push(calls.length);
      return { decisions: [] };
    };
    const { gate } = gateOf({ clients: { decisions: { decideCalls } } });
    const content = ['read', 'send'].map((name) => ({ type: 'toolCall' as const, id: name, name, arguments: '{}' }));
    await decide(gate, turn, callsOf(turn, content));
    expect(asked).toEqual([2]);
  });
});

describe('several people in one conversation', () => {
  const of = (names: readonly (string | undefined)[], user = 'ann') => {
    const messages = names.map((name, index) => ({
      role: 'user',
      content: `word${index}@mail.example`,
      ...(name === undefined ? {} : { name }),
    }));
    const principal = { user, origin: 'human', instructionAuthority: { userTyped: true, systemAuthored: true } };
    const turn = turnOf({ body: { tools, messages }, principal });
    return Promise.resolve(label(gateOf().gate, turn)).then(() => ({
      turn,
      kinds: names.map((_, index) => originsOf([`word${index}@mail.example`], turn.corpus as never)[0]?.origin.kind),
    }));
  };

  it('[turn:authors] takes only what the requester wrote for typed', async () => {
    const { turn, kinds } = await of(['ann', 'bob', 'ann']);
    expect(turn.label.sources).toEqual(['user:others']);
    expect(kinds[0]).toBe('typed');
    expect(kinds[1]).not.toBe('typed');
    expect((await of(['ann', 'bob'])).kinds[1]).not.toBe('typed');
    expect((await of(['bob', 'carl'], '')).kinds[0]).not.toBe('typed');
  });

  it('[turn:authors] tells nobody apart by one name, and raises nothing by a name', async () => {
    expect((await of(['Annie', 'Annie'])).turn.label.integrity).toBe('trusted');
    expect((await of([undefined])).kinds).toEqual(['typed']);
    expect((await of(['ann', undefined])).turn.label.integrity).toBe('untrusted');
  });
});

import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import { askingClients } from './asking-clients.ts';

const who = (id: string) => create(PrincipalSchema, { tenant: 'acme', id, user: id });

describe('questions to clients', () => {
  it('[mcp:asks-bounded] of one principal take no room from those of others, in however many sessions', async () => {
    const asking = askingClients();
    const gone = new AbortController();
    const sent: string[] = [];
    const ask = (id: string, session: string) =>
      asking.ask(
        who(id),
        session,
        async (request) => {
          sent.push(request);
          return true;
        },
        gone.signal,
      );
    const silent = Array.from({ length: 600 }, (_, at) => ask('mallory', `s${at}`).catch(() => 'gone'));
    const alice = ask('alice', 's');
    await Promise.resolve();
    expect(sent).toHaveLength(17);
    asking.answer(who('mallory'), 's', { id: sent.at(-1), result: { action: 'accept', content: {} } });
    asking.answer(who('alice'), 's', { id: sent.at(-1), result: { action: 'decline' } });
    expect(await alice).toEqual({ action: 'decline' });
    gone.abort();
    expect((await Promise.all(silent)).filter((one) => one === 'gone')).toHaveLength(16);
  });
});

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

  it('[mcp:asks-bounded] of one tenant leave room for those of others', async () => {
    const asking = askingClients();
    const gone = new AbortController();
    const sent = new Map<string, number>();
    const ask = (tenant: string, id: string) =>
      asking.ask(
        create(PrincipalSchema, { tenant, id, user: id }),
        's',
        async () => {
          sent.set(tenant, (sent.get(tenant) ?? 0) + 1);
          return true;
        },
        gone.signal,
      );
    const all = Array.from({ length: 600 }, (_, at) => ask('hostile', `p${at % 100}`).catch(() => undefined));
    all.push(ask('acme', 'alice').catch(() => undefined));
    await Promise.resolve();
    expect([sent.get('hostile'), sent.get('acme')]).toEqual([128, 1]);
    gone.abort();
    await Promise.all(all);
  });
});

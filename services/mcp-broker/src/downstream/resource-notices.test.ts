import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import type { Admitted } from '../invoke/admit.ts';
import type { Gate } from '../invoke/gate.ts';
import { untilTrue } from '../testing/broker.ts';
import { resourceNotices } from './resource-notices.ts';

const URI = 'docs+file:///a';

/** Notices of one stream whose principal may read all, unless that cannot be found out; `changed` is its server's word. */
function played() {
  const server = { tenant: 'acme', name: 'docs', uid: 'u', spec: { stage: 'Live', tools: [], timeoutSeconds: 2 } };
  const access = { allowsResource: () => true };
  const nothing: () => void = () => undefined;
  const state = { server, away: false, changed: nothing };
  const gate = {
    catalog: { server: () => state.server },
    offerings: { of: () => undefined },
    access: {
      async accessOf() {
        if (state.away) throw new Error('away');
        return access;
      },
    },
    runner: {
      upstream: {
        subscribe(_server: unknown, _whose: unknown, _uri: string, told: () => void) {
          state.changed = told;
          return () => undefined;
        },
      },
    },
  };
  const principal = create(PrincipalSchema, { tenant: 'acme', id: 'key:alice' });
  const admitted = { principal, access } as unknown as Admitted;
  const told: string[] = [];
  const { signal } = new AbortController();
  const notices = resourceNotices(gate as unknown as Gate).open(admitted, signal, async (uri) => told.push(uri));
  return { state, notices, admitted, told };
}

describe('notices of changes of resources', () => {
  it('[offering:updates-dirty] stay due while it cannot be found out whether they may be sent', async () => {
    const { state, notices, told } = played();
    expect(notices.follow([URI])).toEqual([URI]);
    state.away = true;
    state.changed();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(told).toEqual([]);
    state.away = false;
    await untilTrue(() => told.length > 0);
    expect(told).toEqual([URI]);
    notices.end();
  });

  it('[offering:updates-dirty] come once for what is followed anew, since it may have changed unheard', async () => {
    const { state, notices, admitted, told } = played();
    notices.follow([URI]);
    notices.look(admitted);
    state.server = { ...state.server };
    notices.look(admitted);
    await untilTrue(() => told.length > 0);
    expect(told).toEqual([URI]);
    notices.end();
  });
});

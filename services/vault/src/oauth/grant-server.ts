import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import { Connection_State, type GrantService } from '@sallyport/proto/vault/v1/grants_pb';
import type { VaultMetrics } from '../metrics.ts';
import type { Connections } from './connections.ts';

const STATES = {
  none: Connection_State.NONE,
  connected: Connection_State.CONNECTED,
  ended: Connection_State.ENDED,
} as const;

/** GrantService over connections. */
export function grantService(connections: Connections, metrics: VaultMetrics): ServiceImpl<typeof GrantService> {
  return {
    begin: ({ tenant, user, server, scopes }) => connections.begin(tenant, user, server, scopes),
    async complete({ tenant, user, ...answer }) {
      const { server, scopes } = await connections.complete(tenant, user, answer);
      metrics.changed('connect');
      return { server, scopes: [...scopes] };
    },
    async listConnections({ tenant, user }) {
      const found = await connections.list(tenant, user);
      return {
        connections: found.map(({ server, origin, state, grant }) => ({
          server,
          origin,
          state: STATES[state],
          issuer: grant?.issuer ?? '',
          scopes: [...(grant?.scopes ?? [])],
          connectedAtMs: grant?.connectedAtMs ?? 0,
          usedAtMs: grant?.usedAtMs ?? 0,
        })),
      };
    },
    async disconnect({ tenant, user, server }) {
      const answer = await connections.disconnect(tenant, user, server);
      metrics.changed('disconnect');
      return answer;
    },
  };
}

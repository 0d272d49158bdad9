import { GatewayError } from '@sallyport/chassis/errors';
import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import { Connection_State, type GrantService } from '@sallyport/proto/vault/v1/grants_pb';
import type { VaultMetrics } from '../metrics.ts';
import type { Connections } from './connections.ts';
import type { GrantRow } from './oauth-store.ts';

const STATES = {
  none: Connection_State.NONE,
  connected: Connection_State.CONNECTED,
  ended: Connection_State.ENDED,
} as const;

/** Kept sign-ins, as far as people see them. */
export interface OwnSignIns {
  list(tenant: string, user: string): Promise<GrantRow[]>;
  forget(tenant: string, user: string, provider: string): Promise<void>;
}

/** GrantService over connections, and over kept sign-ins where there can be any. */
export function grantService(
  connections: Connections,
  metrics: VaultMetrics,
  signIns?: OwnSignIns | undefined,
): ServiceImpl<typeof GrantService> {
  return {
    begin: ({ tenant, user, server, scopes }) => connections.begin(tenant, user, server, scopes),
    async complete({ tenant, user, ...answer }) {
      const { server, scopes } = await connections.complete(tenant, user, answer);
      metrics.changed('connect');
      return { server, scopes: [...scopes] };
    },
    async listConnections({ tenant, user }) {
      const found = await connections.list(tenant, user);
      const kept = (await signIns?.list(tenant, user)) ?? [];
      return {
        signIns: kept.map(({ resourceName: server, origin, issuer, scopes, connectedAtMs, usedAtMs }) => ({
          server,
          origin,
          state: STATES.connected,
          issuer,
          scopes: [...scopes],
          connectedAtMs,
          usedAtMs,
        })),
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
    async disconnect({ tenant, user, server, signIn }) {
      if (signIn) {
        if (signIns === undefined) throw new GatewayError('not_found', 'There is no such sign-in.');
        await signIns.forget(tenant, user, server);
        metrics.changed('forget-sign-in');
        return { revokedUpstream: false };
      }
      const answer = await connections.disconnect(tenant, user, server);
      metrics.changed('disconnect');
      return answer;
    },
  };
}

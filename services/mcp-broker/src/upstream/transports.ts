import { serverUrl, type TransportKind, transportKind } from '@sallyport/custom-resources/tool-server-transport';
import type { Agents } from '../a2a/agents.ts';
import { connectToAgent, connectToLoop } from '../a2a/connection.ts';
import type { Loops } from '../a2a/loop/loops.ts';
import type { Server } from '../catalog/catalog.ts';
import { callScope } from './call-scope.ts';
import { type Connection, connectTo } from './connection.ts';
import { askable, type HostedLine, hostedUrlOf, inItsName } from './hosted.ts';
import type { Askable } from './open-calls.ts';
import { openApi } from './openapi/open-api.ts';
import type { ServerSend } from './server-send.ts';

/** What a transport reaches its server with: guarded, with the server's credential, bounded. */
export interface Within {
  readonly send: ServerSend;
  readonly maxResultBytes: number;
  /** The way to hosted servers; undefined: none are run. */
  readonly hosted: HostedLine | undefined;
  readonly agents: Agents;
  /** Agents that are this gateway; undefined: none are run. */
  readonly loops: Loops | undefined;
}

/** A way to reach tool servers. All that is above it treats their tools alike. */
export interface Transport {
  readonly kind: TransportKind;
  /** Opens a connection, which several calls use at once. Throws GatewayError. */
  open(
    server: Server,
    within: Within,
    signal: AbortSignal,
    timeoutMs: number,
    /** What its server may ask in the course of calls; absent: nothing. */
    asks?: Askable,
  ): Promise<Connection>;
}

const transports: readonly Transport[] = [
  { kind: 'agent', open: connectToAgent },
  { kind: 'turnLoop', open: connectToLoop },
  {
    kind: 'remote',
    open: ({ spec }, within, signal, timeoutMs, asks) => connectTo(serverUrl(spec), within, signal, timeoutMs, asks),
  },
  {
    kind: 'hosted',
    async open(server, within, signal, timeoutMs, asks) {
      const principal = callScope.getStore()?.principal;
      const send = asks === undefined ? inItsName(server, within.send) : askable(server, within.send, principal);
      return connectTo(hostedUrlOf(within.hosted, server), { ...within, send }, signal, timeoutMs, asks);
    },
  },
  { kind: 'openApi', open: async (server, within) => openApi(server, within) },
];

/** The transport of a server. Throws for a kind that this list lacks. */
export function transportOf({ spec }: Server): Transport {
  const kind = transportKind(spec);
  const found = transports.find((one) => one.kind === kind);
  if (found === undefined) throw new TypeError(`there is no transport ${kind}`);
  return found;
}

import { withTimeout } from '@sallyport/chassis/deadline';
import { GatewayError } from '@sallyport/chassis/errors';
import { outbound } from '@sallyport/chassis/http/fetch';
import type { Logger } from '@sallyport/chassis/log';
import { urlGuard } from '@sallyport/chassis/net/guard';
import type { Component } from '@sallyport/chassis/process';
import type { Credentials } from '@sallyport/peers/credentials';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Agents } from '../a2a/agents.ts';
import type { Loops } from '../a2a/loop/loops.ts';
import type { Server } from '../catalog/catalog.ts';
import type { Definition, JsonObject } from '../catalog/definition.ts';
import type { BrokerMetrics } from '../metrics.ts';
import type { Asked, Offers } from './asking.ts';
import { type CallScope, callScope } from './call-scope.ts';
import { callerOfCall } from './caller.ts';
import { type Connection, isLostSession, type ToolAnswer } from './connection.ts';
import { type HostedLine, isPerPrincipal, ownKey } from './hosted.ts';
import { type Askable, type OpenCalls, openCalls } from './open-calls.ts';
import { credentialOf } from './server-credential.ts';
import { serverSend } from './server-send.ts';
import { steadyCalls } from './steady-calls.ts';
import { type Subscribing, subscribeServers } from './subscribing.ts';
import { transportOf } from './transports.ts';
import { type Watching, watchServers } from './watching.ts';

/** Calls tool servers. */
export interface Upstream extends Component {
  /** Raw definitions of all that a server offers. Throws GatewayError. */
  list(server: Server, principal: Principal, signal: AbortSignal, timeoutMs: number): Promise<unknown[]>;
  /**
   * Rejects where a call could not be made because the person has to connect the server first (`lackingOf`), or their token
   * cannot be had now.
   */
  ready(server: Server, principal: Principal): Promise<void>;
  /** Makes one call. Throws GatewayError where there is no answer of the tool. */
  call(
    server: Server,
    definition: Definition,
    args: JsonObject,
    for_: ForWhom,
  ): Promise<{ readonly answer: ToolAnswer; readonly credential: string }>;
  /** What a server has besides tools. Throws GatewayError where it cannot be reached. */
  offers(server: Server, for_: ForWhom): Promise<Offers>;
  /** Asks for it by a method of MCP. Throws GatewayError where there is no answer, or no such thing at the server. */
  ask(
    server: Server,
    method: string,
    params: JsonObject,
    for_: ForWhom,
  ): Promise<{ readonly answer: Asked; readonly credential: string }>;
  /** What somebody answered to a question of a server may not be sent (`OpenCalls`). */
  giveUp: OpenCalls['giveUp'];
  /** Why calls of a server fail now, whoever makes them; undefined: they do not, as far as anybody tried. */
  failing(uid: string): GatewayError | undefined;
  /** Has `told` called when a server that all share says that it has changed (`Watching`). */
  watch: Watching['watch'];
  /** Has `told` called when a resource of a server has changed (`Subscribing`). */
  subscribe: Subscribing['subscribe'];
  /** A credential is another one: what is followed with it begins anew. */
  renew: Subscribing['renew'];
  /** Closes connections to servers that are gone or changed. */
  keepOnly(servers: Iterable<Server>): void;
  stop(): Promise<void>;
}

/** For whom a server is asked, until when. */
export interface ForWhom {
  readonly principal: Principal;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** On nobody's behalf it may be asked as for anybody. */
  readonly forNobody?: boolean;
}

interface Line {
  readonly server: Server;
  readonly open: (key: string, asks?: Askable) => Promise<Connection>;
  /** One that is open and may be shared, since the server keeps no sessions; with its key. */
  readonly stateless: () => Opened | undefined;
  readonly drop: (key: string) => void;
  readonly close: () => Promise<void>;
}

const CONNECT_MS = 5_000;
const MAX_SESSIONS = 64;
const SHARED = '';

/** Makes the upstream side: a pool of connections a ToolServer, a session a principal where the server keeps sessions. */
export function createUpstream(options: {
  readonly credentials: Pick<Credentials, 'lease' | 'drop'>;
  readonly maxResultBytes: number;
  /** The way to hosted servers; absent: none are run. */
  readonly hosted?: HostedLine | undefined;
  readonly metrics: Pick<BrokerMetrics, 'opened' | 'retries'>;
  readonly agents: Agents;
  /** Agents that are this gateway; absent: none are run. */
  readonly loops?: Loops | undefined;
  readonly log: Logger;
}): Upstream {
  const lines = new Map<string, Line>();
  const steady = steadyCalls(options.metrics);
  const asks = openCalls();

  const lineTo = (server: Server): Line => {
    const held = lines.get(server.uid);
    if (held && held.server.contentHash === server.contentHash) return held;
    if (held) void held.close();
    const line = openLine(server, options);
    lines.set(server.uid, line);
    return line;
  };

  const watching = watchServers((server) => lineTo(server).open(SHARED));
  const subscribing = subscribeServers(async (server, { principal, forNobody }) => {
    const line = lineTo(server);
    const { key, connection } = forNobody
      ? { key: SHARED, connection: await line.open(SHARED) }
      : await lineOf(line, principal);
    return { connection, drop: () => line.drop(key) };
  });

  return {
    name: 'tool servers',
    watch: watching.watch,
    subscribe: subscribing.subscribe,
    renew: subscribing.renew,
    async list(server, principal, signal, timeoutMs) {
      const line = lineTo(server);
      const ending = withTimeout(signal, timeoutMs);
      // On nobody's behalf it may be listed as for anybody.
      const mayGoWithout = principal.user === '';
      const scope: CallScope = { principal, signal: ending, mayGoWithout, credential: '' };
      return await callScope.run(scope, async () => {
        const own = mayGoWithout ? undefined : await lineOf(line, principal);
        const key = own?.key ?? SHARED;
        try {
          const connection = own?.connection ?? (await line.open(SHARED));
          return await connection.list(scope.signal, timeoutMs);
        } catch (error) {
          // Whatever went wrong, the next listing shakes hands anew: the server may speak another line of MCP by then. What
          // all share is not for one person's listing to end.
          if (own === undefined || line.stateless()?.key !== key) line.drop(key);
          throw error;
        }
      });
    },
    async call(server, definition, args, for_) {
      const { timeoutMs } = for_;
      return await steady.make(server, definition.name, for_, () =>
        over(lineTo(server), for_, (one, signal) => one.call(definition, args, signal, timeoutMs), asks),
      );
    },
    async offers(server, for_) {
      const { answer } = await over(lineTo(server), for_, async ({ offers }) => offers ?? NOTHING);
      return answer;
    },
    async ask(server, method, params, for_) {
      const { timeoutMs } = for_;
      return await steady.make(server, method, for_, () =>
        over(lineTo(server), for_, ({ ask }, signal) => {
          if (ask === undefined) throw new GatewayError('not_found', 'The tool server has nothing of that kind.');
          return ask(method, params, { signal, timeoutMs });
        }),
      );
    },
    async ready(server, principal) {
      const credential = credentialOf(server);
      if (credential?.isToken === true) await options.credentials.lease(credential.use, principal);
    },
    giveUp: asks.giveUp,
    failing: (uid) => steady.failing(uid),
    keepOnly(servers) {
      const hashes = new Map([...servers].map((server) => [server.uid, server.contentHash]));
      steady.keepOnly(new Set(hashes.keys()));
      watching.keepOnly(hashes);
      subscribing.keepOnly(hashes);
      for (const [uid, line] of lines) {
        if (hashes.get(uid) === line.server.contentHash) continue;
        lines.delete(uid);
        void line.close();
      }
    },
    async stop() {
      asks.stop();
      watching.keepOnly(new Map());
      subscribing.keepOnly(new Map());
      await Promise.all([...lines.values()].map((line) => line.close()));
      lines.clear();
    },
  };
}

const NOTHING: Offers = { resources: false, prompts: false, completions: false, updates: false };

/** Does something over the connection of a principal, once more where the server has lost its session. */
async function over<T>(
  line: Line,
  { principal, signal, timeoutMs, forNobody = false }: ForWhom,
  work: (connection: Connection, signal: AbortSignal) => Promise<T>,
  asks?: OpenCalls,
): Promise<{ readonly answer: T; readonly credential: string }> {
  const ending = withTimeout(signal, timeoutMs);
  const scope: CallScope = { principal, signal: ending, mayGoWithout: forNobody, credential: '' };
  return await callScope.run(scope, async () => {
    let key = SHARED;
    const once = async () => {
      const used = forNobody
        ? { key: SHARED, connection: await line.open(SHARED) }
        : await lineOf(line, principal, asks);
      key = used.key;
      return await work(used.connection, scope.signal);
    };
    try {
      return { answer: await once(), credential: scope.credential };
    } catch (error) {
      if (!isLostSession(error)) throw error;
      line.drop(key);
      return { answer: await once(), credential: scope.credential };
    }
  });
}

interface Opened {
  readonly key: string;
  readonly connection: Connection;
}

/** The connection that a principal's calls go over: one for all where the server keeps no sessions. */
async function lineOf(line: Line, principal: Principal, asks?: OpenCalls): Promise<Opened> {
  const { tenant, id } = principal;
  const isolated = isPerPrincipal(line.server);
  const own = isolated ? ownKey(principal) : `${tenant}\n${id}`;
  // Nobody's handshake waits for a token of somebody else's.
  const first =
    isolated || line.server.spec.auth !== undefined
      ? ((isolated ? undefined : line.stateless()) ?? { key: own, connection: await line.open(own) })
      : { key: SHARED, connection: await line.open(SHARED) };
  const { stateful, older } = first.connection;
  // What can be asked is said when hands are shaken, or with each call of a process; so calls in whose course it can be have a
  // connection of their own. A process asks people alone.
  const { elicitation, sampling } = callerOfCall.getStore() ?? {};
  const { hosted, remote } = line.server.spec;
  const elicits = elicitation !== undefined;
  const samples = sampling === true && remote !== undefined;
  const askable =
    asks !== undefined && older === true && (elicits || samples) ? { calls: asks, elicits, samples } : undefined;
  if (!stateful && !(askable !== undefined && hosted !== undefined)) return first;
  const key = askable === undefined ? own : `${own}\nasks${elicits ? ' people' : ''}${samples ? ' models' : ''}`;
  return first.key === key ? first : { key, connection: await line.open(key, askable) };
}

function openLine(server: Server, options: Parameters<typeof createUpstream>[0]): Line {
  const { allowPrivateNetwork } = server.spec;
  const { hosted, loops } = options;
  const pool =
    server.spec.hosted !== undefined && hosted !== undefined
      ? hosted.outbound
      : outbound({
          guard: urlGuard({ allowPrivate: allowPrivateNetwork, allowHttp: allowPrivateNetwork }),
          timeouts: { connectMs: CONNECT_MS, headersMs: 60_000, bodyIdleMs: 60_000 },
        });
  const { open: openTransport } = transportOf(server);
  const { maxResultBytes, agents } = options;
  const within = { send: serverSend(server, { ...options, outbound: pool }), maxResultBytes, agents, hosted, loops };
  const connections = new Map<string, Promise<Connection>>();
  const close = (connection: Promise<Connection>) => {
    connection.then((one) => one.close()).catch(() => undefined);
  };
  let stateless: ReturnType<Line['stateless']>;
  const drop = (key: string) => {
    const held = connections.get(key);
    connections.delete(key);
    if (stateless?.key === key) stateless = undefined;
    if (held) close(held);
  };
  return {
    server,
    stateless: () => stateless,
    open(key, asks) {
      const held = connections.get(key);
      if (held) {
        // Most recently used last, so that the first is the one to give up.
        connections.delete(key);
        connections.set(key, held);
        return held;
      }
      for (const oldest of connections.keys()) {
        if (connections.size < MAX_SESSIONS) break;
        if (oldest !== SHARED) drop(oldest);
      }
      const scope = callScope.getStore() as CallScope;
      // Several calls may wait for one handshake, so it does not end with the first of them.
      const timeoutMs = CONNECT_MS * 2;
      const { principal, mayGoWithout = false } = scope;
      const own: CallScope = { principal, signal: withTimeout(undefined, timeoutMs), mayGoWithout, credential: '' };
      const opening = callScope.run(own, () => openTransport(server, within, own.signal, timeoutMs, asks));
      connections.set(key, opening);
      opening.then(
        (connection) => {
          const mayShare = !connection.stateful && asks === undefined;
          if (mayShare && connections.get(key) === opening) stateless = { key, connection };
        },
        () => {
          if (connections.get(key) === opening) connections.delete(key);
        },
      );
      return opening;
    },
    drop,
    async close() {
      for (const key of [...connections.keys()]) drop(key);
      await pool.stop();
    },
  };
}

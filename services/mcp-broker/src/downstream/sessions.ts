import type { IncomingMessage } from 'node:http';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { single } from '../invoke/admit.ts';
import type { Gate } from '../invoke/gate.ts';
import { readSession, type Session } from '../invoke/run-of-call.ts';
import { CODES } from '../protocol.ts';
import type { LogLevel } from '../upstream/caller.ts';
import { keptShares } from './kept-shares.ts';
import { RpcFault } from './message.ts';

/**
 * Sessions of the older line. An id is a name with a proof of whose it is: any replica takes it, after a restart too. That
 * its client has ended one is remembered here for courtesy, by this replica; it takes nothing away that a key gives.
 */
export interface Sessions {
  /** The session that a request names; undefined where it names none. Throws RpcFault 404: the client shakes hands anew. */
  read(principal: Principal, req: IncomingMessage): Session | undefined;
  /** Ends a session. */
  end(session: Session): void;
  /** From what level on its client wants to be told what servers log, as far as this replica was told. */
  levelOf(session: Session): LogLevel | undefined;
  keepLevel(session: Session, level: LogLevel): void;
  /** Calls back when a session is ended, until what is returned is called. */
  onEnd(session: Session, listener: () => void): () => void;
}

/** What is kept of sessions here: nobody's are let go for those of another tenant before there is no room at all. */
const MOST = { all: 10_000, tenant: 2_500, principal: 256 } as const;
/** What decides how a request is taken, and of which a proxy on the way might heed another copy. */
const ONCE = ['mcp-session-id', 'mcp-protocol-version', 'mcp-method', 'mcp-name', 'sallyport-trajectory'];

/** Makes them for one replica. */
export function sessionsOf(gate: Pick<Gate, 'digest'>): Sessions {
  const ended = keptShares<true>(MOST);
  const levels = keptShares<LogLevel>(MOST);
  const owners = new WeakMap<Session, Principal>();
  const listeners = new Map<string, Set<() => void>>();
  return {
    read(principal, req) {
      const named = single(req.headers['mcp-session-id']);
      if (named === '') return undefined;
      const session = readSession(gate.digest, principal, named);
      // 404 makes a client shake hands anew (2025-11-25, Session Management).
      if (session === undefined || ended.get(session.run) === true) {
        throw new RpcFault(CODES.server, 'There is no such session.', { status: 404 });
      }
      owners.set(session, principal);
      return session;
    },
    end(session) {
      const { run } = session;
      const owner = owners.get(session);
      levels.drop(run);
      if (owner !== undefined) ended.put(owner, run, true);
      for (const listener of listeners.get(run) ?? []) listener();
    },
    levelOf: ({ run }) => levels.get(run),
    keepLevel(session, level) {
      const owner = owners.get(session);
      if (owner !== undefined) levels.put(owner, session.run, level);
    },
    onEnd({ run }, listener) {
      const own = listeners.get(run) ?? new Set();
      listeners.set(run, own.add(listener));
      return () => {
        own.delete(listener);
        if (own.size === 0) listeners.delete(run);
      };
    },
  };
}

/** Refuses requests that say twice what may be said once. Throws GatewayError invalid_request. */
export function refuseTwice(req: IncomingMessage): void {
  for (const name of ONCE) {
    const value = req.headers[name];
    // Only what Node has joined has a comma that nobody wrote.
    if (typeof value !== 'string' || !value.includes(',')) continue;
    if ((req.headersDistinct[name]?.length ?? 0) > 1) {
      throw new GatewayError('invalid_request', `The header ${name} was sent twice.`);
    }
  }
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import { GatewayError } from '@sallyport/chassis/errors';
import { sseWriter } from '@sallyport/chassis/http/sse';
import type { OpenWorks } from '@sallyport/peers/open-work';
import type { Toolset } from '../catalog/toolset.ts';
import { type Admitted, authorise, single } from '../invoke/admit.ts';
import type { Gate } from '../invoke/gate.ts';
import { legacyRevision } from '../protocol.ts';
import type { ChangeStreams, ChangingList } from './change-streams.ts';
import type { ResourceNoticesOf } from './resource-notices.ts';
import type { SessionSubscriptions } from './session-subscriptions.ts';
import { refuseTwice, type Sessions } from './sessions.ts';

const KEEP_ALIVE_MS = 8_000;
const LISTS: readonly ChangingList[] = ['tools', 'prompts', 'resources'];

/** What serves the streams and ends of sessions of the older line. */
export interface LegacyFront {
  readonly gate: Gate;
  readonly open: OpenWorks;
  readonly sessions: Sessions;
  readonly streams: ChangeStreams;
  readonly notices: ResourceNoticesOf;
  readonly subscriptions: SessionSubscriptions;
  /** The toolset of a path, for who asks. Throws GatewayError not_found. */
  readonly toolsetOf: (admitted: Admitted) => Toolset | undefined;
}

/**
 * GET of the older line: a stream on which the client is told when what it may see has changed. It ends within a second of
 * a revocation. Where there is no room for it, it is refused as if none were offered (405), which clients take in their
 * stride. Throws RpcFault, GatewayError.
 */
export async function serveStream(front: LegacyFront, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { open, sessions, streams } = front;
  const work = open.begin();
  res.once('close', () => work.leave());
  try {
    const { admitted, toolset, session } = await admit(front, req, work);
    if (session === undefined || !/text\/event-stream/i.test(req.headers.accept ?? '')) return notOffered(res);
    const writer = sseWriter(res, { keepAliveMs: KEEP_ALIVE_MS });
    const told = (list: ChangingList) => {
      const notice = { jsonrpc: '2.0', method: `notifications/${list}/list_changed` };
      void writer.event('message', JSON.stringify(notice));
    };
    const lists = toolset === undefined ? LISTS : (['tools'] as const);
    const leave = sessions.onEnd(session, () => work.leave());
    const { signal } = work;
    const updated = (uri: string) =>
      writer.event(
        'message',
        JSON.stringify({ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri } }),
      );
    const notices = front.notices.open(admitted, signal, updated);
    const { look: looked } = notices;
    const serving = streams.serve({ admitted, toolset: toolset?.name, lists, signal, changed: told, looked });
    if (typeof serving === 'string') {
      leave();
      return notOffered(res);
    }
    writer.open();
    const unsubscribe =
      toolset === undefined ? front.subscriptions.serve(admitted.principal, session, notices) : undefined;
    await serving;
    leave();
    unsubscribe?.();
    writer.end();
  } finally {
    work.end();
  }
}

/** DELETE of the older line: the client ends its session. Throws RpcFault 404 for one that is none, or not theirs. */
export async function endSession(front: LegacyFront, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const work = front.open.begin();
  try {
    const { admitted, session, isLegacy } = await admit(front, req, work);
    if (!isLegacy) return notOffered(res);
    if (session === undefined) throw new GatewayError('invalid_request', 'The header mcp-session-id is missing.');
    front.sessions.end(session);
    await front.subscriptions.end(admitted.principal, session);
    res.writeHead(204).end();
  } finally {
    work.end();
  }
}

async function admit(
  { gate, sessions, toolsetOf }: LegacyFront,
  req: IncomingMessage,
  work: ReturnType<OpenWorks['begin']>,
) {
  refuseTwice(req);
  const admitted = await authorise(gate, gate.ingress.credentialOf(req), work);
  const toolset = toolsetOf(admitted);
  const isLegacy = legacyRevision(single(req.headers['mcp-protocol-version'])) !== undefined;
  return { admitted, toolset, isLegacy, session: isLegacy ? sessions.read(admitted.principal, req) : undefined };
}

function notOffered(res: ServerResponse): void {
  res.writeHead(405, { allow: 'POST, DELETE', 'content-length': '0' }).end();
}

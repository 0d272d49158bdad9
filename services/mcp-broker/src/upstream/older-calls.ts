import { type Client, ProtocolError } from '@modelcontextprotocol/client';
import { within } from '@sallyport/chassis/deadline';
import { GatewayError } from '@sallyport/chassis/errors';
import type { JsonObject } from '../catalog/definition.ts';
import { SAMPLE } from '../sampling/read-request.ts';
import { callScope } from './call-scope.ts';
import { callerOfCall, LOG_LEVELS, type LogLevel, readLog } from './caller.ts';
import type { Connection } from './connection.ts';
import { type Askable, currentOpenCall, type OpenCall } from './open-calls.ts';
import type { StandingStream } from './standing-stream.ts';

/** A server may wait for its user for as long as that takes: what bounds a call is the patience of who made it. */
const LONGEST_MS = 3_600_000;
const READY_MS = 1_000;
/** What a server is told whose request for a model is refused, as MCP has it. */
const REFUSED = -1;
/** The stream beside all calls stays for the next one. */
const LINGER_MS = 30_000;

type UnderWay = Pick<OpenCall, 'caller'> & Partial<Pick<OpenCall, 'ask'>>;

/**
 * Calls over a session of the older line, whose server may say things in the course of a call: logs, and, with `askable`, questions
 * for its user or a model. What comes on the stream of a call is that call's; what comes on the one beside all calls is of the call
 * that is under way, and of nobody while there are several, since nothing says whose it is.
 */
export function olderCalls(options: {
  readonly client: Client;
  readonly standing: StandingStream;
  readonly askable: Askable | undefined;
  readonly url: string;
  readonly call: Connection['call'];
}): Connection['call'] {
  const { client, standing, askable, url, call } = options;
  const calls = askable?.calls;
  const underWay = new Set<UnderWay>();
  const only = () => (underWay.size === 1 ? [...underWay][0] : undefined);
  let holding: AbortController | undefined;
  let lingering: NodeJS.Timeout | undefined;
  let level: number = LOG_LEVELS.length;

  client.setNotificationHandler('notifications/message', ({ params }) => {
    const logged = readLog(params);
    if (logged !== undefined) (callerOfCall.getStore() ?? only()?.caller)?.log?.(logged);
  });
  if (askable?.elicits === true) {
    client.setRequestHandler('elicitation/create', async ({ params }) => {
      const asking = currentOpenCall() ?? only();
      const answered = await asking?.ask?.(params as unknown as JsonObject);
      return (answered ?? { action: 'cancel' }) as { action: 'cancel' };
    });
  }
  if (askable?.samples === true) {
    client.setRequestHandler(SAMPLE, async ({ params }) => {
      const asking = currentOpenCall() ?? only();
      const answered = await asking?.ask?.(params as unknown as JsonObject, SAMPLE);
      if (answered === undefined) throw new ProtocolError(REFUSED, 'No model was asked.');
      return answered as never;
    });
  }

  /** Hears what the server says beside the calls, from before the first until a while after the last. */
  const hear = async (): Promise<void> => {
    clearTimeout(lingering);
    holding ??= new AbortController();
    const one = holding;
    void standing.hold(one.signal).then(() => {
      if (holding === one) holding = undefined;
    });
    await within(standing.ready(), READY_MS, 'The stream beside all calls').catch(() => undefined);
  };
  const during = async <T>(one: UnderWay, work: () => Promise<T>): Promise<T> => {
    underWay.add(one);
    try {
      return await work();
    } finally {
      underWay.delete(one);
      if (underWay.size === 0) {
        lingering = setTimeout(() => holding?.abort(), LINGER_MS);
        lingering.unref();
      }
    }
  };
  /** What a server logs it is told for its session: at the finest of what its callers want. */
  const wantLogs = async (wanted: LogLevel | undefined): Promise<void> => {
    const rank = wanted === undefined ? level : LOG_LEVELS.indexOf(wanted);
    if (rank >= level || client.getServerCapabilities()?.logging === undefined) return;
    level = rank;
    await client.setLoggingLevel(LOG_LEVELS[rank] as LogLevel).catch(() => undefined);
  };

  return async (definition, args, signal, timeoutMs) => {
    const caller = callerOfCall.getStore();
    const plain = () => call(definition, args, signal, timeoutMs);
    if (caller === undefined) return await plain();
    const { tenant, id, user } = callScope.getStore()?.principal ?? { tenant: '', id: '', user: '' };
    const whose = JSON.stringify([url, tenant, id, user, definition.name, args]);
    if (caller.back?.state !== undefined) {
      const resumed = calls?.resume(whose);
      if (resumed !== undefined) return await resumed;
      throw new GatewayError('conflict', 'What the tool server asked has expired. The call may be made anew.');
    }
    const { elicits = false, samples = false } = askable ?? {};
    const asks =
      calls !== undefined && ((elicits && caller.elicitation !== undefined) || (samples && caller.sampling === true));
    if (!asks && caller.log === undefined) return await plain();
    await hear();
    await wantLogs(caller.logLevel);
    if (!asks) return await during({ caller }, plain);
    return await calls.begin(whose, new URL(url).host, (ending) =>
      during(currentOpenCall() as OpenCall, () => call(definition, args, ending, LONGEST_MS)),
    );
  };
}

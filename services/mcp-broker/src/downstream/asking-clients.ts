import { uuidv7 } from '@sallyport/chassis/uuid';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { JsonObject } from '../catalog/definition.ts';
import { isObject } from './message.ts';
import { shares } from './shares.ts';

/** Requests of the gate to clients of the older line, on the streams of their calls, and what comes back to them. */
export interface AskingClients {
  /**
   * Asks the user of a client: `send` tells the client under an id; undefined where nothing came back in time, or no more
   * may be asked at once. Rejects when the signal fires.
   */
  ask(
    whose: Principal,
    session: string,
    send: (id: string) => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<JsonObject | undefined>;
  /** Takes a response that a client posted. Ignored where it answers nothing that this principal's session was asked. */
  answer(whose: Principal, session: string, message: unknown): void;
}

/** People read before they answer. */
const WAIT_MS = 5 * 60_000;
/** Whoever lets questions lie leaves room for everybody else's. */
const MOST = { all: 512, tenant: 128, principal: 16 } as const;
const MAX_ANSWER = 65_536;
const ACTIONS = ['accept', 'decline', 'cancel'];

interface Asked {
  readonly whose: string;
  readonly answered: (answer: JsonObject) => void;
}

/** Makes them, for one replica: a client's answer has to come to the one that asked. */
export function askingClients(): AskingClients {
  const open = new Map<string, Asked>();
  const places = shares(MOST);
  return {
    async ask(whose, session, send, signal) {
      const leave = places.take(whose);
      if (typeof leave === 'string') return undefined;
      const id = `sallyport-${uuidv7()}`;
      let timer: NodeJS.Timeout | undefined;
      let stop: (() => void) | undefined;
      try {
        const answer = new Promise<JsonObject | undefined>((resolve, reject) => {
          open.set(id, { whose: nameOf(whose, session), answered: resolve });
          timer = setTimeout(() => resolve(undefined), WAIT_MS);
          stop = () => reject(signal.reason);
          signal.addEventListener('abort', stop, { once: true });
        });
        answer.catch(() => undefined);
        signal.throwIfAborted();
        return (await send(id)) ? await answer : undefined;
      } finally {
        clearTimeout(timer);
        if (stop !== undefined) signal.removeEventListener('abort', stop);
        open.delete(id);
        leave();
      }
    },
    answer(whose, session, message) {
      if (!isObject(message) || typeof message.id !== 'string') return;
      const asked = open.get(message.id);
      if (asked?.whose === nameOf(whose, session)) asked.answered(readAnswer(message.result));
    },
  };
}

/** What is none is as good as an error: the user gave nothing. */
function readAnswer(result: unknown): JsonObject {
  if (!isObject(result) || !ACTIONS.includes(result.action as string)) return { action: 'cancel' };
  const { action, content } = result as { action: string; content?: unknown };
  if (content === undefined || !isObject(content) || JSON.stringify(content).length > MAX_ANSWER) {
    return { action: content === undefined || action !== 'accept' ? action : 'cancel' };
  }
  return { action, content: content as JsonObject };
}

function nameOf({ tenant, id, user }: Principal, session: string): string {
  return `${tenant}\n${id}\n${user}\n${session}`;
}

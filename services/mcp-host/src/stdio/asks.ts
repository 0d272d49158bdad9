import { GatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { Id, RpcAnswer, RpcRequest } from './message.ts';

/** A call in whose course its process may ask something of the person it is made for. */
export interface AskableCall {
  /** Passes a question on, under an id of ours; absent: nobody can be asked. */
  readonly onAsk: ((question: RpcRequest) => void) | undefined;
}

/** What a process asks its users in the course of calls, until they answer. */
export interface Asks<C extends AskableCall> {
  /** A call begins; gives how to end it, which takes back what was asked in its course. */
  during(call: C): () => void;
  /** Passes a question on to the one call that is under way; false where nobody can be asked. */
  ask(question: RpcRequest): boolean;
  /** Gives an answer back to the process. Throws `not_found` for what nobody asked, or asks no longer. */
  answer(answer: RpcAnswer): void;
}

/** Methods by which a process asks a user something (MCP 2025-06-18 and later). */
export const ASKING: ReadonlySet<string> = new Set(['elicitation/create']);
const MAX_ASKED = 8;
const OVER = -32_800;

/**
 * Keeps them. Over standard input and output nothing says in whose call a process asks: while there are several, nobody is
 * asked, since one person would answer what was meant for another.
 */
export function createAsks<C extends AskableCall>(tell: (answer: RpcAnswer) => void): Asks<C> {
  const calls = new Set<C>();
  const open = new Map<string, { readonly id: Id; readonly call: C }>();
  return {
    during(call) {
      calls.add(call);
      return () => {
        calls.delete(call);
        for (const [token, asked] of open) {
          if (asked.call !== call) continue;
          open.delete(token);
          tell({ jsonrpc: '2.0', id: asked.id, error: { code: OVER, message: 'The call is over.' } });
        }
      };
    },
    ask({ id, ...question }) {
      const [call] = calls;
      if (calls.size !== 1 || call?.onAsk === undefined || open.size >= MAX_ASKED) return false;
      const token = uuidv7();
      open.set(token, { id, call });
      call.onAsk({ ...question, id: token });
      return true;
    },
    answer(answer) {
      const asked = open.get(String(answer.id));
      if (asked === undefined) throw new GatewayError('not_found', 'Nothing of this id is asked.');
      open.delete(String(answer.id));
      tell({ ...answer, id: asked.id });
    },
  };
}

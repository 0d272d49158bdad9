import { GatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { Id, RpcAnswer, RpcRequest } from './message.ts';

/** A call in whose course its process may ask something of the person it is made for. */
export interface AskableCall {
  /** Passes a question on, under an id of ours; absent: nobody can be asked. */
  readonly onAsk: ((question: RpcRequest) => void) | undefined;
}

/** What a process asks its users in the course of calls, until they answer. Calls are known by the ids that it has of them. */
export interface Asks {
  /** Something begins that a process does for somebody. */
  begin(id: number, call: AskableCall): void;
  /** Its process has answered, or was never told of it: what was asked in its course is taken back. */
  end(id: number): void;
  /** Who made it has gone: what was asked is taken back, and its process may go on with it and ask more. */
  leave(id: number): void;
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
 * So long a call that was left may still go on. Servers should stop at once and not answer it, so mostly nothing says when it
 * is over.
 */
const LEFT_MS = 10 * 60_000;
const MAX_LEFT = 1_024;
/** Stands for all that were left beyond that many: no answer has this id. */
const MORE = -1;

/**
 * Keeps them. Over standard input and output nothing says in whose call a process asks: while there are several, or one goes
 * on whose caller has gone, nobody is asked, since one person would answer what was meant for another.
 */
export function createAsks(tell: (answer: RpcAnswer) => void, now: () => number = () => performance.now()): Asks {
  const calls = new Map<number, AskableCall>();
  /** Until when calls that were left count, the first to be over first. */
  const left = new Map<number, number>();
  const open = new Map<string, { readonly id: Id; readonly of: number }>();
  const takeBack = (of: number) => {
    for (const [token, asked] of open) {
      if (asked.of !== of) continue;
      open.delete(token);
      tell({ jsonrpc: '2.0', id: asked.id, error: { code: OVER, message: 'The call is over.' } });
    }
  };
  const forgetLeft = () => {
    for (const [id, until] of left) {
      if (until > now()) return;
      left.delete(id);
    }
  };
  return {
    begin: (id, call) => void calls.set(id, call),
    end(id) {
      left.delete(id);
      if (calls.delete(id)) takeBack(id);
    },
    leave(id) {
      if (!calls.delete(id)) return;
      takeBack(id);
      forgetLeft();
      const as = left.size < MAX_LEFT ? id : MORE;
      left.delete(as);
      left.set(as, now() + LEFT_MS);
    },
    ask({ id, ...question }) {
      forgetLeft();
      const [first] = calls;
      if (first === undefined || calls.size + left.size !== 1 || open.size >= MAX_ASKED) return false;
      const [of, { onAsk }] = first;
      if (onAsk === undefined) return false;
      const token = uuidv7();
      open.set(token, { id, of });
      onAsk({ ...question, id: token });
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

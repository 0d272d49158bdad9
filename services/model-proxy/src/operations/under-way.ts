import type { EndSignal } from '@sallyport/chassis/ending';
import { asGatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { OpenWorks } from '@sallyport/peers/open-work';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Request, Response } from 'express';
import { clientAnswer } from '../http/client-answer.ts';
import { authorise } from '../turn/admit.ts';
import type { Gate } from '../turn/gate.ts';
import type { Turn } from '../turn/turn.ts';
import { recordEnd } from './ended.ts';

/** A request that becomes a turn only on its way, and what is known of it so far for the record of how it ended. */
export interface UnderWay {
  readonly id: string;
  readonly startedAtMs: number;
  readonly answer: ReturnType<typeof clientAnswer>;
  readonly signal: EndSignal;
  /** Of what it is. */
  model: string;
  turn: Turn | undefined;
  /** Who asks, and what they may; throws GatewayError where they may not use the endpoint. */
  authorise(endpoint: string): ReturnType<typeof authorise>;
}

/**
 * Handles a request until it is answered: it ends with its client and with its credential, and what does not come to an answer
 * is recorded as refused, once it is known who asked.
 */
export function untilAnswered(
  gate: Gate,
  open: OpenWorks,
  endpoint: string,
  work: (one: UnderWay, req: Request, res: Response) => Promise<void>,
) {
  return async (req: Request, res: Response): Promise<void> => {
    const startedAtMs = Date.now();
    const id = uuidv7();
    const answer = clientAnswer(res);
    const credential = gate.ingress.credentialOf(req);
    const entry = open.begin();
    answer.onGone(() => entry.leave());
    let principal: Principal | undefined;
    const one: UnderWay = {
      ...{ id, startedAtMs, answer, signal: entry.ended, model: '', turn: undefined },
      authorise: (of) =>
        authorise(gate, credential, of, entry.ended, (who) => {
          principal = who;
          entry.own(who, () => gate.principals.authenticate(credential, of));
        }),
    };
    try {
      await work(one, req, res);
      gate.metrics.turns.inc({ endpoint, outcome: 'ok' });
    } catch (caught) {
      const error = asGatewayError(entry.ended.aborted ? (entry.ended.reason ?? caught) : caught);
      const { model, turn } = one;
      const trajectory = recordEnd(gate, { id, endpoint, startedAtMs, model, principal, turn }, error);
      if (answer.gone()) return;
      if (trajectory && !res.headersSent) {
        res.setHeader('sallyport-trajectory', trajectory);
        res.setHeader('sallyport-turn', id);
      }
      throw error;
    } finally {
      entry.end();
    }
  };
}

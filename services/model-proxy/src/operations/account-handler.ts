import type { EndSignal } from '@sallyport/chassis/ending';
import { asGatewayError } from '@sallyport/chassis/errors';
import { readBody } from '@sallyport/chassis/http/body';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { Access } from '@sallyport/peers/access';
import type { OpenWorks } from '@sallyport/peers/open-work';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Request, Response } from 'express';
import type { Target } from '../catalog.ts';
import { clientAnswer } from '../http/client-answer.ts';
import { authorise, beginTurn } from '../turn/admit.ts';
import type { Gate } from '../turn/gate.ts';
import { label } from '../turn/label.ts';
import type { Turn } from '../turn/turn.ts';
import { accountModel } from './account-call.ts';
import { recordEnd } from './ended.ts';
import { operationFacts } from './facts.ts';
import { tokensOf, usageOf } from './fields.ts';
import type { Uploads } from './uploads.ts';

/** A request of somebody who may use the endpoint, for the account at a provider. */
export interface AccountAsk {
  readonly req: Request;
  readonly res: Response;
  readonly principal: Principal;
  readonly access: Access;
  readonly signal: EndSignal;
  /** Says of what it is, for the record of a refusal. */
  about(name: string): void;
  /** Reads the body, within what may be uploaded at once. */
  body(): Promise<Buffer>;
  /** Begins the turn: from here on it is recorded as one. `isFree` where it costs nothing to ask. */
  begin(
    target: Target,
    facts: { detail: Readonly<Record<string, unknown>>; isFree: boolean; body?: Buffer },
  ): Promise<Turn>;
}

/** Handles requests for the account at a provider, who asks first; what does not come to an answer is recorded as refused. */
export function accountHandler(
  gate: Gate,
  open: OpenWorks,
  uploads: Uploads,
  endpoint: string,
  act: (ask: AccountAsk) => Promise<void>,
) {
  return async (req: Request, res: Response): Promise<void> => {
    const startedAtMs = Date.now();
    const id = uuidv7();
    const answer = clientAnswer(res);
    const credential = gate.ingress.credentialOf(req);
    const entry = open.begin();
    answer.onGone(() => entry.leave());
    let principal: Principal | undefined;
    let turn: Turn | undefined;
    let model = '';
    let release = () => {};
    try {
      const known = await authorise(gate, credential, endpoint, entry.ended, (who) => {
        principal = who;
        entry.own(who, () => gate.principals.authenticate(credential, endpoint));
      });
      await act({
        req,
        res,
        ...known,
        signal: entry.ended,
        about: (name) => {
          model = name;
        },
        body: () => {
          release = uploads.take(req);
          return readBody(req, { limitBytes: gate.config.request.maxUploadBytes });
        },
        async begin(target, { detail, isFree, body = NO_BYTES }) {
          const begun = beginTurn(
            {
              id,
              startedAtMs,
              dialect: 'openai-chat',
              endpoint,
              body: {},
              bytes: body,
              facts: operationFacts('openai-chat', { model: target.model, stream: false }),
              headers: req.headers,
              answer,
              signal: entry.ended,
              operation: {
                estimate: (bytes) => usageOf({ input: tokensOf(bytes) }),
                call: () => Promise.reject(new TypeError('a request of the account is not routed')),
                detail,
              },
            },
            known.principal,
            known.access,
            accountModel(endpoint, target, isFree),
          );
          turn = begun;
          await label(gate, begun);
          return begun;
        },
      });
      gate.metrics.turns.inc({ endpoint, outcome: 'ok' });
    } catch (caught) {
      const error = asGatewayError(entry.ended.aborted ? (entry.ended.reason ?? caught) : caught);
      const trajectory = recordEnd(gate, { id, endpoint, startedAtMs, model, principal, turn }, error);
      if (answer.gone()) return;
      if (trajectory && !res.headersSent) {
        res.setHeader('sallyport-trajectory', trajectory);
        res.setHeader('sallyport-turn', id);
      }
      throw error;
    } finally {
      release();
      entry.end();
    }
  };
}

const NO_BYTES = Buffer.alloc(0);

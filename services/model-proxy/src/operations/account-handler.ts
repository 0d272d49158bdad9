import type { EndSignal } from '@sallyport/chassis/ending';
import { readBody } from '@sallyport/chassis/http/body';
import type { Access } from '@sallyport/peers/access';
import type { OpenWorks } from '@sallyport/peers/open-work';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Request, Response } from 'express';
import type { Target } from '../catalog.ts';
import { beginTurn } from '../turn/admit.ts';
import type { Gate } from '../turn/gate.ts';
import { label } from '../turn/label.ts';
import type { Turn } from '../turn/turn.ts';
import { accountModel } from './account-call.ts';
import { operationFacts } from './facts.ts';
import { tokensOf, usageOf } from './fields.ts';
import { untilAnswered } from './under-way.ts';
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
  return untilAnswered(gate, open, endpoint, async (one, req, res) => {
    const known = await one.authorise(endpoint);
    let release = () => {};
    try {
      await act({
        req,
        res,
        ...known,
        signal: one.signal,
        about: (name) => {
          one.model = name;
        },
        body: () => {
          release = uploads.take(req);
          return readBody(req, { limitBytes: gate.config.request.maxUploadBytes });
        },
        async begin(target, { detail, isFree, body = NO_BYTES }) {
          const { id, startedAtMs, answer, signal } = one;
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
              signal,
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
          one.turn = begun;
          await label(gate, begun);
          return begun;
        },
      });
    } finally {
      release();
    }
  });
}

const NO_BYTES = Buffer.alloc(0);

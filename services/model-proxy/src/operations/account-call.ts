import type { EndSignal } from '@sallyport/chassis/ending';
import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import type { OutboundResponse } from '@sallyport/chassis/http/fetch';
import type { Model, Provider, Target } from '../catalog.ts';
import { asGatewayFailure } from '../fronts/failure.ts';
import { readFailure } from '../providers/failure.ts';
import type { ModelAnswer } from '../turn/call.ts';
import type { Gate } from '../turn/gate.ts';
import { recordModelCall } from '../turn/record.ts';
import { requestSpent, reserve } from '../turn/reserve.ts';
import type { CallEnd } from '../turn/settle.ts';
import { settle } from '../turn/settle.ts';
import type { Turn } from '../turn/turn.ts';
import { attributionOf } from '../upstream/attribution.ts';
import { callScope } from '../upstream/call-scope.ts';
import { providerKey } from '../upstream/provider-key.ts';
import type { UpstreamCall } from '../upstream/upstream.ts';
import { usageOf } from './fields.ts';

const FREE = { inputPerMillionTokens: '0', outputPerMillionTokens: '0' };
const MAX_ERROR_BYTES = 64 * 1024;
/** Answers that speak of the gateway's account and not of what the client asked. */
const OF_ACCOUNT: ReadonlySet<number> = new Set([401, 402, 403, 429]);

/** What stands for a Model in limits, prices and records where an account is asked and no model. */
export function accountModel(endpoint: string, target: Target, isFree: boolean): Model {
  const { tenant, name, uid } = target.provider;
  const spec = { targets: [], ...(isFree ? { price: FREE } : {}) } as unknown as Model['spec'];
  const publicName = `${endpoint}/${name}`;
  return { tenant, name: publicName, publicName, uid, createdAtMs: 0, spec, targets: [target] };
}

/** One request of the account at a provider. */
export type AccountRequest = Pick<UpstreamCall, 'method' | 'path' | 'headers' | 'body'>;

/** Reads the answer and tells how that ended; what it throws after `end` was told is thrown on. */
export type ReadAnswer = (answer: OutboundResponse, signal: EndSignal) => Promise<CallEnd>;

/**
 * Makes one request of the account at a provider: limited, with its credential, settled and recorded once. Throws what kept it
 * from being made, the provider's failures of its account, and what `read` tells as an error.
 */
export async function accountCall(
  gate: Gate,
  turn: Turn,
  target: Target,
  request: AccountRequest,
  read: ReadAnswer,
): Promise<void> {
  const { provider } = target;
  const startedAtMs = Date.now();
  const startedAt = performance.now();
  const key = await providerKey(gate, turn, target);
  const requestBytes = request.body?.length ?? 0;
  const reservation = await reserve(gate, turn, target, requestBytes);
  const attempt = (outcome: string, status?: number) => ({
    provider: provider.name,
    model: target.model,
    outcome,
    ms: Math.round(performance.now() - startedAt),
    ...(status === undefined ? {} : { status }),
    ...(key ? { credential: key.reference } : {}),
  });
  const scope = callScope(turn.signal);
  turn.step = 1;
  try {
    scope.limit(provider.spec.timeouts.totalSeconds * 1000, tooLong);
    let answer: OutboundResponse;
    try {
      const headers = { ...request.headers, ...attributionOf(turn, provider)?.headers };
      answer = await gate.upstream.request(provider, { ...request, headers, key: key?.value, signal: scope.signal });
      await refuseOfAccount(answer, provider, () => key?.refused());
    } catch (error) {
      reservation.settle(requestSpent(turn));
      recordModelCall(gate, turn, {
        ...failed(turn, asGatewayError(error)),
        startedAtMs,
        durationMs: performance.now() - startedAt,
        provider: provider.name,
        upstreamModel: target.model,
        attempts: [attempt('error')],
      });
      throw error;
    }
    const answered: ModelAnswer = {
      target,
      step: 1,
      startedAtMs,
      startedAt,
      firstTokenMs: performance.now() - startedAt,
      attempts: [attempt('ok', answer.status)],
      reservation,
      requestBytes,
      content: NOTHING,
    };
    const end = await read(answer, scope.signal).catch((caught: unknown) => brokenOff(turn, asGatewayError(caught)));
    settle(gate, turn, answered, end);
    if (end.error) throw end.error;
  } finally {
    scope.close();
  }
}

const NOTHING = {
  kind: 'operation',
  contentType: '',
  body: '',
  end: { usage: usageOf({}), estimated: false },
} as const;

function brokenOff(turn: Turn, error: GatewayError): CallEnd {
  return { usage: usageOf({}), outputBytes: 0, finish: '', outcome: outcomeOf(turn), error };
}

/** How what was broken off is recorded. */
export function outcomeOf({ signal }: Pick<Turn, 'signal'>): 'cancelled' | 'error' {
  return signal.aborted ? 'cancelled' : 'error';
}

function failed(turn: Turn, error: GatewayError) {
  return {
    step: 1,
    firstTokenMs: 0,
    stream: false,
    usage: usageOf({}),
    usageEstimated: false,
    costNanoUsd: 0,
    finish: '',
    limits: [],
    outcome: outcomeOf(turn),
    error,
  };
}
function tooLong(): GatewayError {
  return new GatewayError('upstream_timeout', 'The provider did not finish in time.');
}

/** Answers about the gateway's own account, and those that lead elsewhere, are not for the client. */
async function refuseOfAccount(answer: OutboundResponse, provider: Provider, refused: () => void): Promise<void> {
  const { status, headers } = answer;
  if (status >= 300 && status < 400 && status !== 304) {
    await answer.discard();
    throw new GatewayError('upstream_error', 'The provider led elsewhere, which is not followed.');
  }
  if (!OF_ACCOUNT.has(status)) return;
  if (status === 401 || status === 403) refused();
  const text = await answer.text(MAX_ERROR_BYTES);
  const header = (name: string) => [headers[name]].flat()[0];
  throw asGatewayFailure(readFailure(provider.declaration, status, text, header, Date.now()));
}

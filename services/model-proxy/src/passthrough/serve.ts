import type { IncomingMessage, ServerResponse } from 'node:http';
import type { EndSignal } from '@sallyport/chassis/ending';
import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { readBody } from '@sallyport/chassis/http/body';
import type { OutboundResponse } from '@sallyport/chassis/http/fetch';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { Access } from '@sallyport/peers/access';
import type { OpenWorks } from '@sallyport/peers/open-work';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Request, Response } from 'express';
import type { Model, Provider, Target } from '../catalog.ts';
import type { Usage } from '../chat/usage.ts';
import { asGatewayFailure } from '../fronts/failure.ts';
import { clientAnswer, drained } from '../http/client-answer.ts';
import { recordEnd } from '../operations/ended.ts';
import { operationFacts } from '../operations/facts.ts';
import { tokensOf, usageOf } from '../operations/fields.ts';
import { withheldOf } from '../operations/paths.ts';
import type { Uploads } from '../operations/uploads.ts';
import { readFailure } from '../providers/failure.ts';
import { authorise, beginTurn, mayUseModel } from '../turn/admit.ts';
import type { ModelAnswer } from '../turn/call.ts';
import type { Gate } from '../turn/gate.ts';
import { label } from '../turn/label.ts';
import { recordModelCall } from '../turn/record.ts';
import { requestSpent, reserve } from '../turn/reserve.ts';
import { settle } from '../turn/settle.ts';
import type { Turn } from '../turn/turn.ts';
import { attributionOf } from '../upstream/attribution.ts';
import { callScope } from '../upstream/call-scope.ts';
import { providerKey } from '../upstream/provider-key.ts';
import { headersFrom, headersTo } from './headers.ts';
import { type PassthroughPath, readPath } from './request-path.ts';
import { usageReader } from './told-usage.ts';
import { lookThrough } from './tool-traces.ts';

const ENDPOINT = 'passthrough';
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
type Method = (typeof METHODS)[number];
const WITHOUT_BODY: ReadonlySet<string> = new Set(['GET', 'HEAD']);
const FREE = { inputPerMillionTokens: '0', outputPerMillionTokens: '0' };
const MAX_ERROR_BYTES = 64 * 1024;
/** Most that is passed through of one answer. */
const MAX_ANSWER_BYTES = 512 * 1024 * 1024;
/** Answers that speak of the gateway's account and not of what the client asked. */
const OF_ACCOUNT: ReadonlySet<number> = new Set([401, 402, 403, 429]);

/** What is asked of whom. */
interface Passing extends PassthroughPath {
  readonly method: Method;
  readonly target: Target;
  readonly body: Buffer;
}

/**
 * `/passthrough/{provider}/…`: what an AccessPolicy names by provider, method and path goes there as it is, with the provider's
 * credential in the place of the caller's (DESIGN section 8). What is not allowed looks as if it were not there.
 */
export function passthroughHandler(gate: Gate, open: OpenWorks, uploads: Uploads) {
  return async (req: Request, res: Response): Promise<void> => {
    const startedAtMs = Date.now();
    const id = uuidv7();
    const answer = clientAnswer(res);
    const credential = gate.ingress.credentialOf(req);
    const entry = open.begin();
    answer.onGone(() => entry.leave());
    let principal: Principal | undefined;
    let turn: Turn | undefined;
    let provider = '';
    let release = () => {};
    try {
      const known = await authorise(gate, credential, ENDPOINT, entry.ended, (who) => {
        principal = who;
        entry.own(who, () => gate.principals.authenticate(credential, ENDPOINT));
      });
      const method = methodOf(req);
      const where = readPath(req.originalUrl);
      provider = where.provider;
      const to = allowed(gate, known.principal, known.access, method, where);
      release = uploads.take(req);
      const body = await readBody(req, { limitBytes: gate.config.request.maxUploadBytes });
      if (body.length > 0 && WITHOUT_BODY.has(method)) {
        throw new GatewayError('invalid_request', `A ${method} has no body.`);
      }
      const named = await lookThrough(body, req.headers['content-type'], {
        maxDepth: gate.config.request.maxDepth,
        allowedHosts: gate.config.turn.linkHosts,
        withheld: withheldOf(to.declaration),
      });
      const target = { provider: to, model: named || modelInPath(where.path) };
      mayAsk(gate, known.principal, known.access, target);
      const passing: Passing = { ...where, method, target, body };
      turn = beginTurn(
        {
          id,
          startedAtMs,
          dialect: 'openai-chat',
          endpoint: ENDPOINT,
          body: {},
          bytes: body,
          facts: operationFacts('openai-chat', { model: target.model, stream: false }),
          headers: req.headers,
          answer,
          signal: entry.ended,
          operation: {
            estimate: (bytes) => usageOf({ input: tokensOf(bytes) }),
            call: () => Promise.reject(new TypeError('what is passed through is not routed')),
            detail: { method, path: where.path.slice(0, 512) },
          },
        },
        known.principal,
        known.access,
        modelOf(target, method),
      );
      await label(gate, turn);
      await pass(gate, turn, passing, req, res);
      gate.metrics.turns.inc({ endpoint: ENDPOINT, outcome: 'ok' });
    } catch (caught) {
      const error = asGatewayError(entry.ended.aborted ? (entry.ended.reason ?? caught) : caught);
      const begun = { id, endpoint: ENDPOINT, startedAtMs, model: provider, principal, turn };
      const trajectory = recordEnd(gate, begun, error);
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

function methodOf({ method, headers }: IncomingMessage): Method {
  const found = METHODS.find((one) => one === method);
  if (found === undefined) throw new GatewayError('unsupported', 'This method is not passed through.', { status: 405 });
  if (headers.upgrade !== undefined)
    throw new GatewayError('unsupported', 'Connections are not upgraded.', { status: 400 });
  return found;
}

/** The provider. Throws `not_found` alike for one that is not there and for a path that is not allowed. */
function allowed(
  gate: Pick<Gate, 'catalog'>,
  { tenant }: Principal,
  access: Access,
  method: Method,
  { provider, path }: PassthroughPath,
): Provider {
  const found = gate.catalog.providers().find((one) => one.tenant === tenant && one.name === provider);
  if (found && access.allowsPassthrough(provider, method, path)) return found;
  throw new GatewayError('not_found', 'There is nothing at this path, or you have no access to it.');
}

/** The model that a path names, as Gemini's, Azure's and OpenAI's do, or ''. */
function modelInPath(path: string): string {
  return /\/(?:models|deployments|engines)\/([^/:]+)/.exec(path)?.[1] ?? '';
}

/**
 * A model at a provider is one that some Model leads to: then one of those must be allowed. A key that is bound to models
 * asks for no other.
 */
function mayAsk(gate: Pick<Gate, 'catalog'>, principal: Principal, access: Access, target: Target): void {
  if (target.model === '') return;
  const leads = gate.catalog
    .list(principal.tenant)
    .filter(({ targets }) =>
      targets.some((one) => one.provider.name === target.provider.name && one.model === target.model),
    );
  const may =
    leads.length > 0
      ? leads.some(({ publicName }) => mayUseModel(principal, access, publicName))
      : principal.models.length === 0;
  if (may) return;
  throw new GatewayError('not_found', 'The model does not exist, or you have no access to it.', {
    details: { param: 'model' },
  });
}

/** What stands for a Model in limits, prices and records. To read, list and delete costs nothing. */
function modelOf(target: Target, method: Method): Model {
  const { tenant, name, uid } = target.provider;
  const isFree = WITHOUT_BODY.has(method) || method === 'DELETE';
  const spec = { targets: [], ...(isFree ? { price: FREE } : {}) } as unknown as Model['spec'];
  return {
    tenant,
    name: `${ENDPOINT}/${name}`,
    publicName: `${ENDPOINT}/${name}`,
    uid,
    createdAtMs: 0,
    spec,
    targets: [target],
  };
}

async function pass(
  gate: Gate,
  turn: Turn,
  passing: Passing,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const { target, method, path, query, body } = passing;
  const { provider } = target;
  const startedAtMs = Date.now();
  const startedAt = performance.now();
  const key = await providerKey(gate, turn, target);
  const reservation = await reserve(gate, turn, target, body.length);
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
      answer = await gate.upstream.request(provider, {
        method,
        path: path + query,
        headers: {
          ...headersTo(req.headers, provider.declaration.headers),
          ...attributionOf(turn, provider)?.headers,
        },
        key: key?.value,
        ...(body.length > 0 ? { body } : {}),
        signal: scope.signal,
      });
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
    const answered = {
      target,
      step: 1,
      startedAtMs,
      startedAt,
      firstTokenMs: performance.now() - startedAt,
      attempts: [attempt('ok', answer.status)],
      reservation,
      requestBytes: body.length,
    };
    await relay(gate, turn, answered, answer, res, scope.signal);
  } finally {
    scope.close();
  }
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
    outcome: turn.signal.aborted ? ('cancelled' as const) : ('error' as const),
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

/** Gives the answer on as it comes, and settles the call once however it ends. */
async function relay(
  gate: Gate,
  turn: Turn,
  answered: Omit<ModelAnswer, 'content'>,
  answer: OutboundResponse,
  res: ServerResponse,
  signal: EndSignal,
): Promise<void> {
  const { provider } = answered.target;
  const type = [answer.headers['content-type']].flat()[0] ?? '';
  const reader = usageReader(provider.declaration.wire, type);
  let size = 0;
  let error: GatewayError | undefined;
  try {
    const head = [
      ...['sallyport-trajectory', turn.trajectory, 'sallyport-turn', turn.id, 'sallyport-provider', provider.name],
      ...headersFrom(answer.headers),
    ];
    res.writeHead(answer.status, [...requestId(res), ...head]);
    res.flushHeaders();
    for await (const chunk of answer.body) {
      if (res.destroyed) break;
      size += chunk.length;
      if (size > MAX_ANSWER_BYTES) throw new GatewayError('upstream_invalid', 'The answer is too long.');
      reader.push(chunk);
      if (!res.write(chunk)) await drained(res);
    }
    signal.throwIfAborted();
    res.end();
  } catch (caught) {
    error = asGatewayError(caught);
  }
  const told = reader.end();
  settle(
    gate,
    turn,
    { ...answered, content: NOTHING },
    { ...usageFor(turn, told), outputBytes: size, finish: '', ...outcomeOf(turn, error) },
  );
  if (error) throw error;
}

const NOTHING = {
  kind: 'operation',
  contentType: '',
  body: '',
  end: { usage: usageOf({}), estimated: false },
} as const;

/** What was told; where a model was asked and nothing was told, it is guessed. */
function usageFor({ facts }: Turn, told: Usage | undefined): { usage: Usage | undefined } {
  return { usage: told ?? (facts.model === '' ? usageOf({}) : undefined) };
}

function outcomeOf(turn: Turn, error: GatewayError | undefined) {
  if (error === undefined) return { outcome: 'ok' as const };
  return { outcome: turn.signal.aborted ? ('cancelled' as const) : ('error' as const), error };
}

function requestId(res: ServerResponse): string[] {
  const id = res.getHeader('x-request-id');
  return typeof id === 'string' ? ['x-request-id', id] : [];
}

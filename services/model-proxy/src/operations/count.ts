import type { EndSignal } from '@sallyport/chassis/ending';
import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import type { OpenWorks } from '@sallyport/peers/open-work';
import type { Request, Response } from 'express';
import type { Model, Target } from '../catalog.ts';
import type { RequestFacts } from '../chat/facts.ts';
import { parseObject } from '../chat/json.ts';
import type { FrontDialect, JsonObject } from '../chat/message.ts';
import { noUsage } from '../chat/usage.ts';
import { estimateTokens } from '../fronts/anthropic/count-tokens.ts';
import { residents } from '../routing/eligible.ts';
import { WISHING, wishes } from '../routing/wish.ts';
import { type authorise, beginTurn, mayUseModel, rejectProviderIds } from '../turn/admit.ts';
import { call } from '../turn/call.ts';
import { hasControls } from '../turn/controls.ts';
import type { Gate } from '../turn/gate.ts';
import { label } from '../turn/label.ts';
import { recordModelCall } from '../turn/record.ts';
import { writeHeaders } from '../turn/release.ts';
import { requestSpent, reserveKept } from '../turn/reserve.ts';
import { route } from '../turn/route.ts';
import { settle } from '../turn/settle.ts';
import type { Turn } from '../turn/turn.ts';
import { callOperation } from './call-operation.ts';
import { operationFacts } from './facts.ts';
import { type Asked, JSON_TYPE } from './operation-kind.ts';
import { untilAnswered } from './under-way.ts';

/** A request whose tokens are to be counted. */
export interface CountAsk {
  readonly facts: RequestFacts;
  readonly body: JsonObject;
  readonly bytes: Buffer;
}

/** One endpoint that counts the tokens of what another one takes. */
export interface CountKind {
  /** Its name in records. */
  readonly endpoint: string;
  /** The endpoint that a key must have: who may ask a model may know how long the question is. */
  readonly of: string;
  readonly dialect: FrontDialect;
  /** Reads a request. Throws GatewayError. */
  read(req: Request, res: Response): Promise<CountAsk>;
  /** The body of the answer. */
  render(tokens: number): object;
}

/** It costs nothing anywhere to have tokens counted. */
const FREE = { inputPerMillionTokens: '0', outputPerMillionTokens: '0' };

/**
 * The handler of a counting endpoint. The count is the provider's where the first target is one that counts bodies of this
 * dialect, else estimated, and header `sallyport-estimated` says so. It is admitted, limited and recorded as a call is: it takes
 * a request and a step, and neither tokens nor money.
 */
export function countHandler(gate: Gate, open: OpenWorks, kind: CountKind) {
  return untilAnswered(gate, open, kind.endpoint, async (one, req, res) => {
    const asked = await kind.read(req, res);
    const { facts } = asked;
    one.model = facts.model;
    const known = await one.authorise(kind.of);
    const model = usableModel(gate, known, facts.model);
    rejectProviderIds(facts);
    // Who says which providers may see the question has it counted by none of them.
    const first = isWished(kind, asked) ? undefined : residents(model, known.principal, req.headers)[0];
    const target = countingTarget(kind, facts, first);
    const { id, startedAtMs, answer, signal } = one;
    const arrival = arrivalOf(kind, asked, target, { id, startedAtMs, headers: req.headers, signal });
    const turn = beginTurn({ ...arrival, answer }, known.principal, known.access, target ? only(model, target) : model);
    one.turn = turn;
    await label(gate, turn);
    const counted = target === undefined ? undefined : await countAtProvider(gate, turn);
    if (counted === undefined) answer.header('sallyport-estimated', 'true');
    const tokens = counted ?? (await estimate(gate, turn, facts));
    writeHeaders(turn);
    answer.json(200, JSON.stringify(kind.render(tokens)));
  });
}

/** A model that may be used. Throws `not_found` for one that does not exist, and for one that is not for this principal. */
function usableModel(
  gate: Pick<Gate, 'catalog'>,
  { principal, access }: Awaited<ReturnType<typeof authorise>>,
  name: string,
): Model {
  const model = gate.catalog.find(principal.tenant, name);
  if (model && mayUseModel(principal, access, model.publicName)) return model;
  throw new GatewayError('not_found', 'The model does not exist, or you have no access to it.', {
    details: { param: 'model' },
  });
}

/** The target that counts; none where its provider does not, would have to know our tools, or would fetch what has a URL. */
function countingTarget(kind: CountKind, facts: RequestFacts, target: Target | undefined): Target | undefined {
  const declaration = target?.provider.declaration;
  if (declaration?.paths.countTokens === undefined || declaration.wire !== kind.dialect) return undefined;
  const brought = facts.toolResults.flatMap(({ attachments }) => attachments);
  const fetches = [...facts.attachments, ...brought].some(({ url }) => url !== undefined && !url.startsWith('data:'));
  return fetches || facts.tools.some(({ type }) => type === 'mcp') ? undefined : target;
}

function isWished({ of }: CountKind, { body }: CountAsk): boolean {
  return WISHING.has(of) && (wishes(body) || hasControls(body));
}

/** By target: its Model with this target alone, which costs nothing and stands for no other. */
const counting = new WeakMap<Target, Model>();

function only(model: Model, target: Target): Model {
  let made = counting.get(target);
  if (made === undefined) {
    const { fallbacks: _fallbacks, degrade: _degrade, shadow: _shadow, prices: _prices, ...spec } = model.spec;
    const free = { ...target, spec: { ...target.spec, price: FREE } } as Target;
    made = { ...model, spec: { ...spec, price: FREE } as Model['spec'], targets: [free] };
    counting.set(target, made);
  }
  return made;
}

function arrivalOf(
  { dialect, endpoint }: CountKind,
  { facts, body, bytes }: CountAsk,
  target: Target | undefined,
  request: { id: string; startedAtMs: number; headers: Request['headers']; signal: EndSignal },
) {
  const asked: Asked = {
    model: facts.model,
    stream: false,
    estimate: () => noUsage,
    exchange: ({ model, provider }) => ({
      path: provider.declaration.paths.countTokens ?? '',
      contentType: JSON_TYPE,
      body: Buffer.from(JSON.stringify({ ...body, model })),
      answer: { kind: 'whole', read: (text) => ({ body: String(readCount(text)), usage: noUsage }) },
    }),
  };
  const operation: Turn['operation'] = {
    estimate: asked.estimate,
    call: (gate, turn, at, hooks) => callOperation(gate, turn, at, asked, hooks),
    detail: { counted: target === undefined ? 'estimated' : 'by the provider' },
  };
  return { ...request, dialect, endpoint, body, bytes, facts: operationFacts(dialect, asked), operation };
}

/** Undefined where the provider did not count. Throws what is the caller's own: limits, and that they are gone. */
async function countAtProvider(gate: Gate, turn: Turn): Promise<number | undefined> {
  try {
    const answered = await call(gate, turn, route(turn), []);
    const { content } = answered;
    settle(gate, turn, answered, { usage: noUsage, outputBytes: 0, finish: '', outcome: 'ok' });
    return 'body' in content ? Number(content.body) : undefined;
  } catch (caught) {
    const error = asGatewayError(caught);
    if (turn.signal.aborted || !(error.code === 'unavailable' || error.code.startsWith('upstream_'))) throw error;
    return undefined;
  }
}

function readCount(text: string): number {
  const tokens = parseObject(text)?.input_tokens;
  if (typeof tokens === 'number' && Number.isSafeInteger(tokens) && tokens >= 0) return tokens;
  throw new GatewayError('upstream_invalid', 'The provider did not tell how many tokens there are.');
}

/** Counts here; what a provider was asked for in vain is limited and recorded already. */
async function estimate(gate: Gate, turn: Turn, facts: RequestFacts): Promise<number> {
  if (turn.step > 0) return estimateTokens(facts);
  const startedAt = performance.now();
  const reservation = await reserveKept(gate, turn);
  turn.step = 1;
  try {
    return estimateTokens(facts);
  } finally {
    reservation.settle({ ...requestSpent(turn), steps: 1 });
    recordModelCall(gate, turn, {
      step: 1,
      startedAtMs: turn.startedAtMs,
      durationMs: performance.now() - startedAt,
      firstTokenMs: 0,
      provider: '',
      upstreamModel: '',
      stream: false,
      usage: noUsage,
      usageEstimated: false,
      costNanoUsd: 0,
      finish: '',
      attempts: [],
      limits: reservation.touched,
      outcome: 'ok',
    });
  }
}

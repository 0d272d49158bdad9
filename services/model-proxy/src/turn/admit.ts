import type { EndSignal } from '@sallyport/chassis/ending';
import { GatewayError } from '@sallyport/chassis/errors';
import { type Soon, soon } from '@sallyport/chassis/soon';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { type Access, matcher } from '@sallyport/peers/access';
import type { Credential } from '@sallyport/peers/ingress';
import { type Principal, Principal_Kind } from '@sallyport/proto/principal/v1/principal_pb';
import { TRUSTED } from '@sallyport/turn';
import type { Model } from '../catalog.ts';
import { type AttachmentFact, pointerOf, type RequestFacts } from '../chat/facts.ts';
import type { FrontDialect, JsonObject } from '../chat/message.ts';
import { noUsage } from '../chat/usage.ts';
import { resolveFiles } from '../files/resolve.ts';
import type { ClientAnswer } from '../http/client-answer.ts';
import type { Exchange } from '../responses/exchange.ts';
import { bareModel, WISHING, wishOf, withoutWish } from '../routing/wish.ts';
import { CONTROLLED, controlsOf, hasControls, tagsIn, UNSAID, withoutControls } from './controls.ts';
import { withExactArguments } from './exact-body.ts';
import type { Gate } from './gate.ts';
import type { Operation } from './operation.ts';
import { createSpoken } from './spoken.ts';
import type { Attribution, LoopBounds, Turn } from './turn.ts';

/** What arrived: a parsed body of known dialect and the headers that matter. */
export interface Arrival {
  readonly id: string;
  readonly startedAtMs: number;
  readonly dialect: FrontDialect;
  readonly endpoint: string;
  readonly credential: Credential;
  readonly body: JsonObject;
  /** `body` as it was written. */
  readonly bytes: Buffer;
  readonly facts: RequestFacts;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly answer: ClientAnswer;
  readonly signal: EndSignal;
  readonly operation?: Operation | undefined;
  /** Of the Responses API alone. */
  readonly exchange?: Exchange | undefined;
  /** The run that the request goes on from, by what was kept of it; a header stands above it. */
  readonly goesOn?: string | undefined;
  /** Of an agent's turn alone; `goesOn` is then the run that mcp-broker issued, or judged to be the principal's. */
  readonly loop?: LoopBounds | undefined;
  /** Told as soon as it is known who asks, so that a refusal can name them and a revocation end the turn. */
  readonly onPrincipal?: (principal: Principal) => void;
}

/** UUID syntax (RFC 9562 section 4): all that a trajectory id of ours can be. */
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Stage 1. Finds out who asks, whether they may use this endpoint and model, and begins the turn. A model that exists but
 * is not theirs looks like one that does not exist. Throws GatewayError unauthenticated, permission_denied, not_found.
 */
export function admit(gate: Gate, arrival: Arrival): Soon<Turn> {
  const { credential, endpoint, signal } = arrival;
  return soon(authorise(gate, credential, endpoint, signal, arrival.onPrincipal), ({ principal, access }) =>
    admitted(gate, arrival, principal, access),
  );
}

function admitted(gate: Gate, given: Arrival, principal: Principal, access: Access): Soon<Turn> {
  const arrival = withExactArguments(given);
  const { facts } = arrival;
  if (facts.messageCount > gate.config.request.maxMessages) {
    throw new GatewayError('invalid_request', `There are more than ${gate.config.request.maxMessages} messages.`);
  }
  const model = modelOf(gate, principal.tenant, facts.model);
  if (!model || !mayUseModel(principal, access, model.publicName)) {
    throw new GatewayError('not_found', 'The model does not exist, or you have no access to it.', {
      details: { param: 'model' },
    });
  }
  if (facts.n > 1 && facts.tools.length > 0) {
    // Calls of several answers would be decided apart and run together.
    throw new GatewayError('unsupported', 'Several answers (n) cannot be asked for together with tools.', {
      status: 400,
      details: { param: 'n' },
    });
  }
  if (facts.attachments.length > 0 || facts.toolResults.length > 0) {
    return resolveFiles(gate, principal, arrival).then((resolved) => {
      rejectProviderIds(resolved?.arrival.facts ?? facts, resolved?.ids);
      if (resolved === undefined) return beginTurn(arrival, principal, access, model);
      return beginTurn(withExactArguments(resolved.arrival), principal, access, resolved.at(model));
    });
  }
  rejectProviderIds(facts);
  return beginTurn(arrival, principal, access, model);
}

/**
 * Objects stored at a provider belong to the account, which all tenants share: an id that the gate did not replace is as
 * good as unknown (DESIGN section 5). `own` are those that it replaced itself.
 */
export function rejectProviderIds(facts: RequestFacts, own: ReadonlySet<string> = NO_IDS): void {
  const isStored = ({ fileId }: AttachmentFact) => fileId !== undefined && !own.has(fileId);
  let stored = facts.attachments.find(isStored);
  for (const result of facts.toolResults) stored ??= result.attachments.find(isStored);
  const param = facts.providerIds[0]?.field ?? (stored && pointerOf(stored));
  if (param !== undefined) {
    throw new GatewayError('not_found', 'There is no such file or container.', { details: { param } });
  }
}

const NO_IDS: ReadonlySet<string> = new Set();

/** The model of a name; `:nitro` and `:floor` at its end ask for a way to choose, where no Model has that name itself. */
function modelOf({ catalog }: Pick<Gate, 'catalog'>, tenant: string, name: string): Model | undefined {
  const found = catalog.find(tenant, name);
  const bare = found === undefined ? bareModel(name) : undefined;
  return bare === undefined ? found : catalog.find(tenant, bare.name);
}

/** Begins the turn of an admitted request; nothing of it is labelled yet. */
export function beginTurn(
  arrival: Omit<Arrival, 'credential'>,
  principal: Principal,
  access: Access,
  model: Model,
): Turn {
  const { facts, headers } = arrival;
  const wish = WISHING.has(arrival.endpoint) ? wishOf(arrival.body, model.publicName) : undefined;
  const saying = CONTROLLED.has(arrival.endpoint) ? arrival.body : undefined;
  const controls = controlsOf(saying, headers, facts.stream);
  let { body } = arrival;
  if (wish !== undefined) body = withoutWish(body);
  if (saying !== undefined && controls !== UNSAID && hasControls(saying)) body = withoutControls(body);
  const named = single(headers['sallyport-trajectory']).toLowerCase();
  const claimed = UUID.test(named) ? named : (arrival.goesOn ?? '');
  return {
    id: arrival.id,
    startedAtMs: arrival.startedAtMs,
    dialect: arrival.dialect,
    endpoint: arrival.endpoint,
    body,
    bytes: body === arrival.body ? arrival.bytes : Buffer.from(JSON.stringify(body)),
    facts,
    headers,
    answer: arrival.answer,
    signal: arrival.signal,
    principal,
    access,
    attribution: attributionOf(principal, headers, arrival.body, facts, saying),
    model,
    wish,
    controls,
    operation: arrival.operation,
    claimed,
    trajectory: '',
    newTrajectory: false,
    foreignTrajectory: UUID.test(named) ? '' : named.slice(0, 64),
    label: TRUSTED,
    latched: TRUSTED,
    request: undefined,
    appended: [],
    changedResults: new Map(),
    unwrapped: new Map(),
    tools: new Map(),
    searches: new Map(),
    hidden: [],
    policyRevision: access.policyRevision,
    corpus: undefined,
    handles: new Set(),
    untrusted: new Map(),
    untrustedTold: 0,
    step: 0,
    modelCalls: 0,
    requestCounted: false,
    reserved: undefined,
    failureRecorded: false,
    reasks: 0,
    approvals: [],
    usage: { ...noUsage },
    costNanoUsd: 0,
    priced: true,
    provider: '',
    upstreamModel: '',
    routed: undefined,
    dropped: [],
    keyUse: undefined,
    cache: undefined,
    bodyControls: undefined,
    decoration: undefined,
    exchange: arrival.exchange,
    loop: arrival.loop,
    spoken: createSpoken(arrival.dialect),
  };
}

/** Authenticates a credential and checks that it may use an endpoint. */
export function authorise(
  gate: Pick<Gate, 'principals' | 'access' | 'snapshot'>,
  credential: Credential,
  endpoint: string,
  signal: EndSignal,
  onPrincipal?: (principal: Principal) => void,
): Soon<{ principal: Principal; access: Access }> {
  if (!gate.snapshot.seen()) {
    throw new GatewayError('unavailable', 'The gateway has no configuration yet.', { retryAfterMs: 1_000 });
  }
  return soon(gate.principals.authenticate(credential, endpoint, signal), (principal) => {
    onPrincipal?.(principal);
    return soon(gate.access.accessOf(principal, signal), (access) => {
      const scoped = principal.endpoints.length === 0 || matcher(principal.endpoints)(endpoint);
      if (!scoped || !access.allowsEndpoint(endpoint)) {
        throw new GatewayError('permission_denied', `This key may not use ${endpoint}.`);
      }
      return { principal, access };
    });
  });
}

/** Tells whether policy and the key's own scope both allow a model. */
export function mayUseModel(principal: Principal, access: Access, publicName: string): boolean {
  const scoped = principal.models.length === 0 || matcher(principal.models)(publicName);
  return scoped && access.allowsModel(publicName);
}

/** Issues a new trajectory. */
export function newTrajectory(turn: Turn): void {
  turn.trajectory = uuidv7();
  turn.newTrajectory = true;
}

/** The client for tool identities: the declared application, else the key itself. */
export function clientOf(principal: Principal): string {
  if (principal.client !== '') return principal.client;
  return principal.kind === Principal_Kind.KEY ? principal.keyId : principal.id;
}

// `user`, `customer` and the like attribute cost only, and only where the key may assert them (DESIGN section 8).
function attributionOf(
  principal: Principal,
  headers: Arrival['headers'],
  body: JsonObject,
  facts: RequestFacts,
  saying: JsonObject | undefined,
): Attribution {
  if (principal.mayAssert.length === 0) return ownAttribution(principal);
  const may = new Set(principal.mayAssert);
  const metadata = typeof body.metadata === 'object' && body.metadata !== null ? (body.metadata as JsonObject) : {};
  const asserted = (name: string, field: string): string => {
    if (!may.has(name)) return '';
    const value = single(headers[`sallyport-${field}`]) || metadata[name];
    return typeof value === 'string' ? value.slice(0, 256) : '';
  };
  const tags = may.has('tags') ? tagsOf(headers, saying) : [];
  const customer = asserted('customer', 'customer') || (may.has('customer') ? litellmCustomer(headers) : '');
  return {
    customer: customer || principal.customer,
    user: (may.has('user') ? asserted('user', 'user') || facts.user?.slice(0, 256) : '') || principal.user,
    feature: asserted('feature', 'feature'),
    project: asserted('project', 'project'),
    promptVersion: asserted('promptVersion', 'prompt-version'),
    variant: asserted('variant', 'variant'),
    tags: [...principal.tags, ...tags.map((tag) => tag.trim().slice(0, 64)).filter((tag) => tag !== '')].slice(0, 32),
  };
}

function tagsOf(headers: Arrival['headers'], body: JsonObject = {}): string[] {
  const inHeaders = ['sallyport-tags', 'x-litellm-tags'].flatMap((name) => single(headers[name]).split(','));
  return [...inHeaders, ...tagsIn(body)];
}

/** The end user of LiteLLM is who the cost is for. */
function litellmCustomer(headers: Arrival['headers']): string {
  return (single(headers['x-litellm-customer-id']) || single(headers['x-litellm-end-user-id'])).slice(0, 256);
}

const ownAttributions = new WeakMap<Principal, Attribution>();

/** Of a principal that may assert nothing, the same for each of its requests. */
function ownAttribution(principal: Principal): Attribution {
  let own = ownAttributions.get(principal);
  if (own === undefined) {
    const { customer, user, tags } = principal;
    own = { customer, user, feature: '', project: '', promptVersion: '', variant: '', tags: tags.slice(0, 32) };
    ownAttributions.set(principal, own);
  }
  return own;
}

function single(value: string | string[] | undefined): string {
  return (Array.isArray(value) ? value[0] : value) ?? '';
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { EndSignal } from '@sallyport/chassis/ending';
import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { drained } from '@sallyport/chassis/http/drained';
import type { OutboundResponse } from '@sallyport/chassis/http/fetch';
import type { Access } from '@sallyport/peers/access';
import type { OpenWorks } from '@sallyport/peers/open-work';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Provider, Target } from '../catalog.ts';
import type { Usage } from '../chat/usage.ts';
import { accountCall, outcomeOf } from '../operations/account-call.ts';
import { type AccountAsk, accountHandler } from '../operations/account-handler.ts';
import { usageOf } from '../operations/fields.ts';
import { withheldOf } from '../operations/paths.ts';
import type { Uploads } from '../operations/uploads.ts';
import { ownHeaders } from '../providers/define-provider.ts';
import { REGION_HEADER, refusalBy, residents } from '../routing/eligible.ts';
import { mayUseModel } from '../turn/admit.ts';
import type { Gate } from '../turn/gate.ts';
import type { CallEnd } from '../turn/settle.ts';
import type { Turn } from '../turn/turn.ts';
import { headersFrom, headersTo } from './headers.ts';
import { type PassthroughPath, readPath } from './request-path.ts';
import { usageReader } from './told-usage.ts';
import { lookThrough } from './tool-traces.ts';

const ENDPOINT = 'passthrough';
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
type Method = (typeof METHODS)[number];
const WITHOUT_BODY: ReadonlySet<string> = new Set(['GET', 'HEAD']);
/** Most that is passed through of one answer. */
const MAX_ANSWER_BYTES = 512 * 1024 * 1024;

/**
 * `/passthrough/{provider}/…`: what an AccessPolicy names by provider, method and path goes there as it is, with the provider's
 * credential in the place of the caller's (DESIGN section 8). What is not allowed looks as if it were not there.
 */
export function passthroughHandler(gate: Gate, open: OpenWorks, uploads: Uploads) {
  return accountHandler(gate, open, uploads, ENDPOINT, async (ask) => {
    const { req, res, principal, access } = ask;
    const method = methodOf(req);
    const where = readPath(req.originalUrl);
    ask.about(where.provider);
    const provider = allowed(gate, principal, access, method, where);
    const body = await ask.body();
    if (body.length > 0 && WITHOUT_BODY.has(method)) {
      throw new GatewayError('invalid_request', `A ${method} has no body.`);
    }
    const named = await lookThrough(body, req.headers['content-type'], {
      maxDepth: gate.config.request.maxDepth,
      allowedHosts: gate.config.turn.linkHosts,
      withheld: withheldOf(provider.declaration),
    });
    const inPath = modelsInPath(where.path);
    const asks = { principal, access, headers: req.headers };
    staysInRegion(gate, asks, provider);
    for (const names of [inPath, ...named.map((name) => [name])]) mayAsk(gate, asks, provider, names);
    const target = { provider, model: inPath[0] ?? named[0] ?? '' };
    const turn = await ask.begin(target, {
      detail: { method, path: where.path.slice(0, 512) },
      isFree: WITHOUT_BODY.has(method) || method === 'DELETE',
      body,
    });
    const request = {
      method,
      path: where.path + where.query,
      headers: headersTo(req.headers, ownHeaders(provider.declaration, provider.spec.headers)),
      ...(body.length > 0 ? { body } : {}),
    };
    await accountCall(gate, turn, target, request, (answer, signal) => relay(turn, target, answer, res, signal));
  });
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

/**
 * The model that a path names, as Gemini's, Azure's, OpenAI's and Bedrock's do: as a whole, and without what stands behind a
 * colon, first what is likelier: an action is a word. A provider that has it there looks for it nowhere else.
 */
function modelsInPath(path: string): readonly string[] {
  const segment = /\/(?:models?|deployments|engines|tunedModels)\/([^/]+)/.exec(path)?.[1];
  if (segment === undefined) return [];
  const colon = segment.lastIndexOf(':');
  if (colon <= 0) return [segment];
  const bare = segment.slice(0, colon);
  return /^[A-Za-z]+$/.test(segment.slice(colon + 1)) ? [bare, segment] : [segment, bare];
}

/** Who asks, and what with. */
interface Asks extends Pick<AccountAsk, 'principal' | 'access'> {
  readonly headers: IncomingMessage['headers'];
}

/**
 * What must stay in a region does not leave it this way: where Models lead to the provider, one that is the caller's (of those
 * that are anybody's, where none is) must be allowed to go there now, and a region that is asked for must be a target's.
 */
function staysInRegion(gate: Pick<Gate, 'catalog'>, asks: Asks, { name }: Provider): void {
  const { principal, access, headers } = asks;
  const leads = gate.catalog
    .list(principal.tenant)
    .filter(({ targets }) => targets.some(({ provider }) => provider.name === name));
  const usable = leads.filter(({ publicName }) => mayUseModel(principal, access, publicName));
  const counting = usable.length > 0 ? usable : leads;
  if (counting.length === 0 && !headers[REGION_HEADER]) return;
  const isResident = counting.some((model) =>
    residents(model, principal, headers).some(({ provider }) => provider.name === name),
  );
  if (!isResident) throw elsewhere();
}

function elsewhere(): GatewayError {
  return refusalBy([{ kind: 'region', field: 'region' }]);
}

/**
 * A model at a provider is one that some Model leads to: then one of those must be allowed. A key that is bound to models
 * asks for no other. Of several readings of a name the first that is known counts.
 */
function mayAsk(
  gate: Pick<Gate, 'catalog'>,
  { principal, access, headers }: Asks,
  { name: provider }: Provider,
  names: readonly string[],
): void {
  if (names.length === 0) return;
  const models = gate.catalog.list(principal.tenant);
  const leadTo = (name: string) =>
    models.filter(({ targets }) => targets.some((one) => one.provider.name === provider && one.model === name));
  const leads = names.map(leadTo).find(({ length }) => length > 0) ?? [];
  const usable = leads.filter(({ publicName }) => mayUseModel(principal, access, publicName));
  const isTarget = (one: Target) => one.provider.name === provider && names.includes(one.model);
  if (usable.some((model) => residents(model, principal, headers).some(isTarget))) return;
  if (usable.length > 0) throw elsewhere();
  if (leads.length === 0 && principal.models.length === 0) return;
  throw new GatewayError('not_found', 'The model does not exist, or you have no access to it.', {
    details: { param: 'model' },
  });
}

/** Gives the answer on as it comes, and tells how that ended. */
async function relay(
  turn: Turn,
  { provider }: Target,
  answer: OutboundResponse,
  res: ServerResponse,
  signal: EndSignal,
): Promise<CallEnd> {
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
  const ended = { ...usageFor(turn, reader.end()), outputBytes: size, finish: '' };
  return error === undefined ? { ...ended, outcome: 'ok' } : { ...ended, outcome: outcomeOf(turn), error };
}

/** What was told; where a model was asked and nothing was told, it is guessed. */
function usageFor({ facts }: Turn, told: Usage | undefined): { usage: Usage | undefined } {
  return { usage: told ?? (facts.model === '' ? usageOf({}) : undefined) };
}

function requestId(res: ServerResponse): string[] {
  const id = res.getHeader('x-request-id');
  return typeof id === 'string' ? ['x-request-id', id] : [];
}

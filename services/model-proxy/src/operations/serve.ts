import type { IncomingMessage, ServerResponse } from 'node:http';
import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { readBody } from '@sallyport/chassis/http/body';
import { parseJson } from '@sallyport/chassis/http/json';
import { REQUEST_ID_HEADER } from '@sallyport/chassis/http/server';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { OpenWorks } from '@sallyport/peers/open-work';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Model } from '../catalog.ts';
import { capabilitiesOf } from '../catalogue/capabilities.ts';
import { isObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import { frontOf } from '../fronts/index.ts';
import { tellRateLimits } from '../fronts/rate-limits.ts';
import { clientAnswer, headed } from '../http/client-answer.ts';
import { admit, authorise } from '../turn/admit.ts';
import { call } from '../turn/call.ts';
import { CONTROLLED, hasControls, withoutControls } from '../turn/controls.ts';
import type { Gate } from '../turn/gate.ts';
import { label } from '../turn/label.ts';
import { route } from '../turn/route.ts';
import { modelSource } from '../turn/source.ts';
import type { Turn } from '../turn/turn.ts';
import { TOOL_FIELDS } from '../wire/openai-chat/tools.ts';
import { callOperation } from './call-operation.ts';
import { deliver } from './deliver.ts';
import { recordEnd } from './ended.ts';
import { operationFacts } from './facts.ts';
import { refuseUrls } from './fetched-urls.ts';
import { type Form, readForm } from './form.ts';
import type { Asked, OperationKind, OperationRequest } from './operation-kind.ts';
import { takeAttached } from './remember-answer.ts';
import type { Uploads } from './uploads.ts';

/** What stands in no request that carries no tools; a lenient provider would take it for one of chat. */
const OF_CHAT = [
  'messages',
  ...TOOL_FIELDS,
  'functions',
  'function_call',
  'tool_choice',
  'tool_resources',
  'mcp_servers',
  // What a gateway behind would lay over the rest.
  'extra_body',
];

/** Completes a body with what the path of its request says. */
export type CompleteBody = (req: IncomingMessage, body: unknown) => unknown;

/** The handler of an operation: the stages of a turn that it has, in their order. */
export function operationHandler(
  gate: Gate,
  open: OpenWorks,
  uploads: Uploads,
  kind: OperationKind,
  complete: CompleteBody = (_req, body) => body,
) {
  const { endpoint, dialect } = kind;
  return async (req: IncomingMessage, res: ServerResponse, requestId: string): Promise<void> => {
    const startedAtMs = Date.now();
    const answer = clientAnswer(res, [REQUEST_ID_HEADER, requestId]);
    // The key first: who has none learns nothing of how bodies are read.
    const credential = gate.ingress.credentialOf(req);
    const entry = open.begin();
    answer.onGone(() => entry.leave());
    const id = uuidv7();
    let principal: Principal | undefined;
    let turn: Turn | undefined;
    let asked: Asked | undefined;
    let release = () => {};
    try {
      if (kind.form) {
        // What is long is read for those alone who may use it.
        await authorise(gate, credential, endpoint, entry.ended);
        release = uploads.take(req);
      }
      const request = await readRequest(gate, req, kind, complete);
      const wanted = kind.read(forTargets(kind, request));
      asked = wanted;
      const admitted = await admit(gate, {
        id,
        startedAtMs,
        dialect,
        endpoint,
        credential,
        body: request.body,
        bytes: request.bytes,
        facts: operationFacts(dialect, wanted),
        headers: req.headers,
        answer,
        signal: entry.ended,
        operation: {
          estimate: wanted.estimate,
          call: (gate, turn, target, hooks) => callOperation(gate, turn, target, wanted, hooks),
        },
        onPrincipal: (known) => {
          principal = known;
          entry.own(known, () => gate.principals.authenticate(credential, endpoint));
        },
      });
      turn = { ...admitted, model: servedBy(admitted.model, kind) };
      await label(gate, turn);
      if (wanted.attached) takeAttached(turn);
      refuseUrls(request.body, kind.texts, gate.config.turn.linkHosts);
      const answered = await call(gate, turn, route(turn), []);
      if (capabilitiesOf(answered.target).retrieves) takeAttached(turn, [modelSource(answered.target)]);
      await deliver(gate, turn, answered, answer);
      gate.metrics.turns.inc({ endpoint, outcome: 'ok' });
    } catch (caught) {
      const error = asGatewayError(entry.ended.aborted ? (entry.ended.reason ?? caught) : caught);
      const begun = { id, endpoint, startedAtMs, model: asked?.model ?? '', principal, turn };
      const trajectory = recordEnd(gate, begun, error);
      if (answer.gone()) return;
      if (!answer.started()) {
        if (trajectory) {
          res.setHeader('sallyport-trajectory', trajectory);
          res.setHeader('sallyport-turn', id);
        }
        if (turn) tellRateLimits(dialect, turn.reserved, headed(res));
        throw error;
      }
      if (error.code === 'internal') gate.log.error('An operation failed', { endpoint, trajectory, error: caught });
      // What is no stream of events can only be cut.
      if (!answer.streamsEvents()) throw error;
      await answer.frames(frontOf(dialect).errorFrame(error, trajectory));
      answer.end();
    } finally {
      release();
      entry.end();
    }
  };
}

async function readRequest(
  gate: Pick<Gate, 'config'>,
  req: IncomingMessage,
  { form: isForm = false }: OperationKind,
  complete: CompleteBody,
): Promise<OperationRequest> {
  const { maxBytes, maxUploadBytes, maxDepth } = gate.config.request;
  const bytes = await readBody(req, { limitBytes: isForm ? maxUploadBytes : maxBytes });
  if (isForm) {
    const form = await readForm(req.headers['content-type'], bytes);
    return { form, bytes, body: refuseChat(fieldsOf(form)) };
  }
  const body = complete(req, parseJson(bytes, { maxDepth }));
  if (!isObject(body)) throw new GatewayError('invalid_request', 'The body must be a JSON object.');
  return { body: refuseChat(body), bytes };
}

/** A request as targets are told it: without what it asks of the gateway itself. */
function forTargets({ endpoint }: OperationKind, request: OperationRequest): OperationRequest {
  if (!CONTROLLED.has(endpoint) || !hasControls(request.body)) return request;
  const body = withoutControls(request.body);
  return { ...request, body, bytes: Buffer.from(JSON.stringify(body)) };
}

function fieldsOf({ fields }: Form): JsonObject {
  const body: JsonObject = Object.create(null) as JsonObject;
  for (const { name, value } of fields) {
    if (name.endsWith('[]')) body[name] = [...((body[name] as string[] | undefined) ?? []), value];
    else body[name] = value;
  }
  return body;
}

function refuseChat(body: JsonObject): JsonObject {
  const param = OF_CHAT.find((name) => body[name] !== undefined && body[name] !== null && body[name] !== false);
  if (param === undefined) return body;
  throw new GatewayError('unsupported', `${param} belongs to chat; here nothing is decided about tools.`, {
    status: 400,
    details: { param },
  });
}

/** What a Model puts into requests is not to be gone around by asking in another way. */
function decorated(endpoint: string): GatewayError {
  return new GatewayError(
    'unsupported',
    `This model puts texts or parameters into requests, which ${endpoint} has no place for.`,
    {
      status: 400,
      details: { param: 'model' },
    },
  );
}

/** By kind: the models with those of their targets alone that serve it, as long as the models are those of the catalog. */
const served = new WeakMap<OperationKind, WeakMap<Model, Model>>();

/** The model with those of its targets that serve the operation. Throws `unsupported` where none does. */
function servedBy(model: Model, kind: OperationKind): Model {
  if (kind.writes && model.spec.decoration !== undefined) throw decorated(kind.endpoint);
  const ofKind = served.get(kind) ?? new WeakMap<Model, Model>();
  served.set(kind, ofKind);
  let found = ofKind.get(model);
  if (found === undefined) {
    const targets = model.targets.filter(({ provider }) => kind.serves(provider.declaration));
    found = targets.length === model.targets.length ? model : { ...model, targets };
    ofKind.set(model, found);
  }
  if (found.targets.length > 0 || model.targets.length === 0) return found;
  throw new GatewayError('unsupported', `This model does not serve ${kind.endpoint}.`, {
    status: 400,
    details: { param: 'model' },
  });
}

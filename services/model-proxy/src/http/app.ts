import type { IncomingMessage, ServerResponse } from 'node:http';
import { asGatewayError, type GatewayError } from '@sallyport/chassis/errors';
import { readBody } from '@sallyport/chassis/http/body';
import { parseJson } from '@sallyport/chassis/http/json';
import { createApp, postPlainly, REQUEST_ID_HEADER } from '@sallyport/chassis/http/server';
import { type Metrics, tally } from '@sallyport/chassis/metrics';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { challengeOf } from '@sallyport/peers/ingress';
import { type OpenWorks, openWork } from '@sallyport/peers/open-work';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Express, Request, Response } from 'express';
import { mountBatches } from '../batches/serve.ts';
import type { FrontDialect } from '../chat/message.ts';
import { mountFiles } from '../files/serve.ts';
import { withCall } from '../fronts/gemini/parse.ts';
import { frontOf, takesComments } from '../fronts/index.ts';
import { tellRateLimits, tellRefusingLimit } from '../fronts/rate-limits.ts';
import { mountOperations } from '../operations/index.ts';
import { uploadRoom } from '../operations/uploads.ts';
import { PASSTHROUGH } from '../passthrough/request-path.ts';
import { passthroughHandler } from '../passthrough/serve.ts';
import { admit, newTrajectory } from '../turn/admit.ts';
import type { Gate } from '../turn/gate.ts';
import { recordEndedTurn, recordRefusedAdmission } from '../turn/record.ts';
import { runTurn } from '../turn/run.ts';
import type { Turn } from '../turn/turn.ts';
import { type BackgroundRuns, backgroundRuns } from './background.ts';
import { type ClientAnswer, clientAnswer, headed } from './client-answer.ts';
import { mountConversations } from './conversations.ts';
import { countGemini, countInput, countTokens } from './count-tokens.ts';
import { callOf, GEMINI_MODELS } from './gemini-path.ts';
import { retrieveGeneration } from './generation.ts';
import { listModels, retrieveModel } from './models.ts';
import { mountResponses, type Prepare, prepareResponses, RESPONSES } from './responses.ts';

/** The model plane's HTTP front: parse, run a turn, render errors. Knows dialects and nothing of providers. */
export function createModelApp(gate: Gate, metrics: Metrics): Express {
  const app = createApp({ log: gate.log, metrics, renderError });
  const open = openWork({ principals: gate.principals, timeoutMs: gate.config.request.timeout });
  app.use((req, res, next) => {
    if (dialectOf(req.path) === 'anthropic-messages') res.setHeader(ANTHROPIC_REQUEST_ID, res.locals.requestId);
    next();
  });
  const chat = turnHandler(gate, open, 'openai-chat', 'chat.completions');
  const messages = turnHandler(gate, open, 'anthropic-messages', 'messages');
  postPlainly(app, '/v1/chat/completions', chat);
  for (const path of ['/v1/messages', '/anthropic/v1/messages']) postPlainly(app, path, messages);
  for (const path of ['/v1/messages/count_tokens', '/anthropic/v1/messages/count_tokens'])
    app.post(path, countTokens(gate, open));
  const runs = backgroundRuns(gate, open);
  const respond = turnHandler(gate, open, 'openai-responses', RESPONSES, undefined, prepareResponses(gate), runs);
  postPlainly(app, '/v1/responses', respond);
  app.post('/v1/responses/input_tokens', countInput(gate, open));
  mountResponses(app, gate, runs);
  mountConversations(app, gate);
  const generate = turnHandler(gate, open, 'gemini', 'generateContent', (req, body) => withCall(body, callOf(req)));
  const count = countGemini(gate, open);
  const uploads = uploadRoom(gate.config.request);
  const { embed } = mountOperations(app, gate, open, uploads, callOf);
  mountFiles(app, gate, open, uploads);
  mountBatches(app, gate, open, uploads);
  app.all(`${PASSTHROUGH}*path`, passthroughHandler(gate, open, uploads));
  for (const path of GEMINI_MODELS)
    app.post(`${path}/*call`, async (req, res) => {
      const { method } = callOf(req);
      if (method === 'countTokens') await count(req, res);
      else if (method.endsWith('GenerateContent') || method === 'generateContent')
        await generate(req, res, res.locals.requestId);
      else await embed(req, res, res.locals.requestId);
    });
  app.get('/v1/generation', retrieveGeneration(gate));
  for (const path of ['/v1/models', '/anthropic/v1/models', ...GEMINI_MODELS]) {
    app.get(path, listModels(gate));
    app.get(`${path}/*name`, retrieveModel(gate));
  }
  return app;
}

/** A body with what its path says, for a dialect whose path says something. */
type Complete = (req: IncomingMessage, body: unknown) => unknown;

function turnHandler(
  gate: Gate,
  open: OpenWorks,
  dialect: FrontDialect,
  endpoint: string,
  complete?: Complete,
  prepare?: Prepare,
  runs?: BackgroundRuns,
) {
  const front = frontOf(dialect);
  const succeeded = tally(gate.metrics.turns, { endpoint, outcome: 'ok' });
  return async (req: IncomingMessage, res: ServerResponse, requestId: string): Promise<void> => {
    const startedAtMs = Date.now();
    const answer = clientAnswer(res, requestIdHead(dialect, requestId), !takesComments(dialect));
    // The key first: who has none learns nothing of how bodies are read.
    const credential = gate.ingress.credentialOf(req);
    const bytes = await readBody(req, { limitBytes: gate.config.request.maxBytes });
    const parsed = parseJson(bytes, { maxDepth: gate.config.request.maxDepth });
    const prepared = prepare === undefined ? undefined : await prepare(req, res, parsed, bytes);
    const { body, facts } = front.parseRequest(
      prepared?.body ?? (complete === undefined ? parsed : complete(req, parsed)),
    );
    if (prepared?.background) {
      await runs?.serve({ credential, prepared, facts, headers: req.headers, startedAtMs, answer });
      return;
    }
    const entry = open.begin();
    answer.onGone(() => entry.leave());
    const id = uuidv7();
    let principal: Principal | undefined;
    let turn: Turn | undefined;
    try {
      const admitted = admit(gate, {
        id,
        startedAtMs,
        dialect,
        endpoint,
        credential,
        body,
        bytes: prepared?.bytes ?? bytes,
        facts,
        exchange: prepared?.exchange,
        goesOn: prepared?.goesOn,
        headers: req.headers,
        answer,
        signal: entry.ended,
        onPrincipal: (known) => {
          principal = known;
          entry.own(known, () => gate.principals.authenticate(credential, endpoint));
        },
      });
      turn = admitted instanceof Promise ? await admitted : admitted;
      await runTurn(gate, turn);
      succeeded.inc();
    } catch (caught) {
      const why = entry.ended.aborted ? (entry.ended.reason ?? caught) : caught;
      const request = { turn: id, endpoint, model: facts.model, startedAtMs };
      await tellFailure(gate, { dialect, request, principal, turn, answer, res }, why);
    } finally {
      entry.end();
    }
  };
}

interface FailedTurn {
  readonly dialect: FrontDialect;
  readonly request: { readonly turn: string; endpoint: string; model: string; startedAtMs: number };
  /** As far as they were known. */
  readonly principal: Principal | undefined;
  readonly turn: Turn | undefined;
  readonly answer: ClientAnswer;
  readonly res: ServerResponse;
}

/** Records a turn that failed, and says so where the answer has begun; throws the error where it has not. */
async function tellFailure(gate: Gate, failed: FailedTurn, caught: unknown): Promise<void> {
  const { dialect, request, principal, turn, answer, res } = failed;
  const { endpoint } = request;
  const error = asGatewayError(caught);
  gate.metrics.turns.inc({ endpoint, outcome: error.code });
  if (turn && turn.trajectory === '') newTrajectory(turn);
  const trajectory = turn?.trajectory ?? (principal ? uuidv7() : undefined);
  if (turn && !turn.failureRecorded) recordEndedTurn(gate, turn, error);
  else if (!turn && principal && trajectory) {
    recordRefusedAdmission(gate, principal, { ...request, trajectory }, error);
  }
  if (answer.gone()) return;
  if (!answer.started()) {
    if (trajectory) {
      res.setHeader(TRAJECTORY_HEADER, trajectory);
      res.setHeader('sallyport-turn', request.turn);
    }
    if (turn) tellRateLimits(dialect, turn.reserved, headed(res));
    throw error;
  }
  if (error.code === 'internal') gate.log.error('A turn failed', { endpoint, trajectory, error: caught });
  await answer.frames(frontOf(dialect).errorFrame(error, trajectory));
  answer.end();
}

/** The id of a request, in the header that the SDKs of its dialect read as well. */
function requestIdHead(dialect: FrontDialect, id: string): string[] {
  return dialect === 'anthropic-messages' ? [REQUEST_ID_HEADER, id, ANTHROPIC_REQUEST_ID, id] : [REQUEST_ID_HEADER, id];
}

const ANTHROPIC_REQUEST_ID = 'request-id';
const TRAJECTORY_HEADER = 'sallyport-trajectory';

function renderError(error: GatewayError, req: Request, res: Response): void {
  const dialect = dialectOf(req.path);
  if (dialect === 'anthropic-messages') res.setHeader(ANTHROPIC_REQUEST_ID, res.locals.requestId);
  if (error.code === 'unauthenticated') res.setHeader('www-authenticate', challengeOf(req));
  if (error.retryAfterMs !== undefined)
    res.setHeader('retry-after', String(Math.max(1, Math.ceil(error.retryAfterMs / 1000))));
  tellRefusingLimit(dialect, error, headed(res));
  const named = res.getHeader(TRAJECTORY_HEADER);
  const trajectory = typeof named === 'string' ? named : undefined;
  res.status(error.status).json(frontOf(dialect).errorBody(error, trajectory));
}

function dialectOf(path: string): FrontDialect {
  if (path.startsWith('/gemini/')) return 'gemini';
  return /\/messages(\/|$)|^\/anthropic\//.test(path) ? 'anthropic-messages' : 'openai-chat';
}

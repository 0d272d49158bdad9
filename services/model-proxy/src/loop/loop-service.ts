import { create } from '@bufbuild/protobuf';
import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import type { CallContext, ServiceImpl } from '@sallyport/chassis/rpc/server';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { labelOf, wireLabel } from '@sallyport/peers/decision-wire';
import type { LoopService, RunRequest } from '@sallyport/proto/models/v1/models_pb';
import { InstructionAuthoritySchema, type Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { join, type Label, untrusted } from '@sallyport/turn';
import type { JsonObject } from '../chat/message.ts';
import { frontOf } from '../fronts/index.ts';
import { prepareResponse } from '../responses/prepare.ts';
import { beginTurn, mayUseModel } from '../turn/admit.ts';
import type { Gate } from '../turn/gate.ts';
import { recordEndedTurn, recordRefusedAdmission } from '../turn/record.ts';
import { runTurn } from '../turn/run.ts';
import type { Turn } from '../turn/turn.ts';
import { type HeardTurn, heardTurn, questionsOf } from './heard-turn.ts';

/** Name of these turns in records. */
const ENDPOINT = 'agent';
const MAX_AT_ONCE = 256;
/** What one tenant may have of them. */
const MAX_OF_TENANT = 128;

/** Who may have it run, by the service's name in its certificate. */
export const LOOP_CALLERS = { 'sallyport.models.v1.LoopService': ['mcp-broker'] } as const;

/**
 * LoopService: a turn of the Responses API whose tools are all of type `mcp`, for an agent that a resource declares. It is
 * the principal's own turn in all but its text: nobody typed what comes over A2A or from another model.
 */
export function loopService(gate: Gate): ServiceImpl<typeof LoopService> {
  let running = 0;
  const ofTenants = new Map<string, number>();
  return {
    async *run(request, context) {
      const tenant = request.principal?.tenant ?? '';
      const own = ofTenants.get(tenant) ?? 0;
      if (running >= MAX_AT_ONCE || own >= MAX_OF_TENANT) {
        throw new GatewayError('unavailable', 'Too many agents are at work.', { retryAfterMs: 1_000 });
      }
      running++;
      ofTenants.set(tenant, own + 1);
      const heard = heardTurn();
      let over: Promise<void> | undefined;
      try {
        const turn = await admitted(gate, request, context, heard);
        over = made(gate, turn).finally(heard.close);
        over.catch(() => undefined);
        for await (const text of heard.texts()) {
          yield { text: { text, label: wireLabel(labelOfWords(turn)) } };
        }
        await over;
        yield { ended: endOf(turn, heard) };
      } finally {
        heard.close();
        await over?.catch(() => undefined);
        running--;
        const left = (ofTenants.get(tenant) ?? 1) - 1;
        if (left > 0) ofTenants.set(tenant, left);
        else ofTenants.delete(tenant);
      }
    },
  };
}

async function admitted(gate: Gate, request: RunRequest, context: CallContext, heard: HeardTurn): Promise<Turn> {
  const id = uuidv7();
  const startedAtMs = Date.now();
  const principal = ownerOf(request);
  try {
    return await begun(gate, request, context, { id, startedAtMs, principal, heard });
  } catch (error) {
    const { trajectory, model } = request;
    const of = { trajectory: trajectory || uuidv7(), turn: id, endpoint: ENDPOINT, model, startedAtMs };
    recordRefusedAdmission(gate, principal, of, asGatewayError(error));
    throw error;
  }
}

interface Beginning {
  readonly id: string;
  readonly startedAtMs: number;
  readonly principal: Principal;
  readonly heard: HeardTurn;
}

async function begun(gate: Gate, request: RunRequest, context: CallContext, beginning: Beginning): Promise<Turn> {
  const { principal, heard, ...rest } = beginning;
  const { signal, depth } = context;
  if (gate.responses === undefined) {
    throw new GatewayError('unsupported', 'This gateway keeps no responses, so it runs no agents.');
  }
  const access = await gate.access.accessOf(principal, signal);
  const model = gate.catalog.find(principal.tenant, request.model);
  if (model === undefined || !mayUseModel(principal, access, model.publicName)) {
    throw new GatewayError('not_found', "The agent's model does not exist, or you have no access to it.");
  }
  const asked = bodyOf(request);
  const { body, bytes, exchange, goesOn } = await prepareResponse(asked, Buffer.from(JSON.stringify(asked)), {
    store: gate.responses,
    authenticate: async () => principal,
    log: gate.log,
    maxBytes: gate.config.request.maxBytes,
  });
  const { facts } = frontOf('openai-responses').parseRequest(body);
  const turn = beginTurn(
    {
      ...rest,
      dialect: 'openai-responses',
      endpoint: ENDPOINT,
      body,
      bytes,
      facts,
      exchange,
      goesOn: request.trajectory || goesOn,
      headers: {},
      answer: heard.answer,
      signal,
      loop: { depth, maxModelCalls: request.maxModelCalls },
    },
    principal,
    access,
    model,
  );
  turn.label = join(turn.label, labelOf(request.context));
  return turn;
}

/** Instructions are those of a resource; what the user says is anybody's words, whoever the key belongs to. */
function ownerOf({ principal }: RunRequest): Principal {
  if (!principal || principal.tenant === '') throw new GatewayError('invalid_request', 'A principal is needed.');
  const instructionAuthority = create(InstructionAuthoritySchema, { systemAuthored: true, userTyped: false });
  return { ...principal, instructionAuthority };
}

function bodyOf(request: RunRequest): JsonObject {
  const { model, instructions, servers, previous, answered, said, maxOutputTokens } = request;
  const answers = answered.map((one) => ({
    type: 'mcp_approval_response',
    approval_request_id: one,
    // Consent and no more: what a rule asks people about is decided anew.
    approve: true,
  }));
  const content = said.map((text) => ({ type: 'input_text', text }));
  const message = content.length > 0 ? [{ type: 'message', role: 'user', content }] : [];
  const tools = servers.map((name) => ({ type: 'mcp', server_label: name, require_approval: 'never' }));
  return {
    model,
    input: [...answers, ...message],
    stream: true,
    store: true,
    ...(instructions === '' ? {} : { instructions }),
    ...(tools.length > 0 ? { tools } : {}),
    ...(previous === '' ? {} : { previous_response_id: previous }),
    ...(maxOutputTokens > 0 ? { max_output_tokens: maxOutputTokens } : {}),
  };
}

async function made(gate: Gate, turn: Turn): Promise<void> {
  try {
    await runTurn(gate, turn);
    gate.metrics.turns.inc({ endpoint: ENDPOINT, outcome: 'ok' });
  } catch (caught) {
    const error = asGatewayError(turn.signal.aborted ? (turn.signal.reason ?? caught) : caught);
    gate.metrics.turns.inc({ endpoint: ENDPOINT, outcome: error.code });
    if (turn.trajectory === '') turn.trajectory = turn.claimed || uuidv7();
    if (!turn.failureRecorded) recordEndedTurn(gate, turn, error);
    throw error;
  }
}

function endOf(turn: Turn, heard: HeardTurn) {
  const response = heard.response();
  if (response === undefined) throw new GatewayError('internal', 'The turn of an agent ended without its response.');
  return {
    response: response.store === true ? String(response.id) : '',
    label: wireLabel(labelOfWords(turn)),
    questions: questionsOf(response),
    approvals: [...turn.approvals],
    incomplete: response.status === 'incomplete',
  };
}

/** Of all that the model read, and of the values that may have been filled in for its handles. */
function labelOfWords(turn: Turn): Label {
  return turn.handles.size > 0 ? join(turn.label, untrusted(FILLED)) : turn.label;
}

/** Source of what was filled in for handles in the words of an agent. */
const FILLED = 'agent:filled';

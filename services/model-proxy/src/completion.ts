import { GatewayError } from '@sallyport/chassis/errors';
import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { CompletionService } from '@sallyport/proto/models/v1/models_pb';
import { join, untrusted } from '@sallyport/turn';
import { parseRequest } from './fronts/openai/parse.ts';
import { beginTurn } from './turn/admit.ts';
import { call } from './turn/call.ts';
import type { Gate } from './turn/gate.ts';
import { receive } from './turn/receive.ts';
import { createRelease } from './turn/release.ts';
import { route } from './turn/route.ts';
import { unheard } from './turn/unheard.ts';

const MAX_AT_ONCE = 64;
/** Calls for tool servers under way of one tenant. */
const MAX_SAMPLING = 16;

/**
 * CompletionService for quarantine, and for tool servers that may sample: one model call without tools, charged to the
 * principal of the turn, under the label of who said its content. Each has its own bound, so that readings can never take
 * the places of the turns that wait for them, nor tool servers those of readings; it skips Label to Tools.
 */
export function completionService(gate: Gate): ServiceImpl<typeof CompletionService> {
  let readings = 0;
  let samplings = 0;
  const ofTenants = new Map<string, number>();
  /** Takes a place, which is given back by calling what is returned. Throws GatewayError unavailable. */
  const enter = (tenant: string, isSampling: boolean): (() => void) => {
    const own = ofTenants.get(tenant) ?? 0;
    const isFull = isSampling ? samplings >= MAX_AT_ONCE || own >= MAX_SAMPLING : readings >= MAX_AT_ONCE;
    if (isFull) {
      const text = isSampling ? 'Tool servers have too much asked at once.' : 'Too many readings at once.';
      throw new GatewayError('unavailable', text, { retryAfterMs: 500 });
    }
    if (!isSampling) {
      readings++;
      return () => void readings--;
    }
    samplings++;
    ofTenants.set(tenant, own + 1);
    return () => {
      samplings--;
      const left = (ofTenants.get(tenant) ?? 1) - 1;
      if (left > 0) ofTenants.set(tenant, left);
      else ofTenants.delete(tenant);
    };
  };
  return {
    async complete(request, context) {
      const { principal } = request;
      if (!principal) throw new GatewayError('invalid_request', 'A principal is needed.');
      const isSampling = request.sources.length > 0;
      const model = gate.catalog.find(principal.tenant, request.model);
      if (!model) {
        throw new GatewayError(
          'not_found',
          `The model of ${isSampling ? 'sampling' : 'the quarantine'} does not exist.`,
        );
      }
      const leave = enter(principal.tenant, isSampling);
      try {
        const bytes = Buffer.from(JSON.stringify(bodyOf(request)));
        const { body, facts } = parseRequest(JSON.parse(bytes.toString()));
        const access = await gate.access.accessOf(principal, context.signal);
        const turn = beginTurn(
          {
            id: request.turn || uuidv7(),
            startedAtMs: Date.now(),
            dialect: 'openai-chat',
            endpoint: isSampling ? 'sampling' : 'quarantine',
            body,
            bytes,
            facts,
            headers: {},
            answer: unheard(),
            signal: context.signal,
          },
          principal,
          access,
          model,
        );
        for (const source of request.sources) turn.label = join(turn.label, untrusted(source));
        turn.trajectory = request.trajectory;
        turn.step = Math.max(0, Number(request.step) - 1) || 0;
        const answer = await call(gate, turn, route(turn), []);
        const said = await receive(gate, turn, answer, createRelease(turn));
        const text = said.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
        return {
          text,
          inputTokens: turn.usage.input,
          outputTokens: turn.usage.output,
          costNanoUsd: turn.costNanoUsd,
          provider: turn.provider,
          model: turn.upstreamModel,
          cut: said.finish.unified === 'length',
        };
      } finally {
        leave();
      }
    },
  };
}

function bodyOf(request: {
  model: string;
  system: string;
  content: string;
  schemaJson: string;
  maxOutputTokens: number;
  said: readonly { byModel: boolean; text: string }[];
}) {
  const schema = request.schemaJson === '' ? undefined : (JSON.parse(request.schemaJson) as unknown);
  return {
    model: request.model,
    messages: [
      { role: 'system', content: request.system },
      ...request.said.map(({ byModel, text }) => ({ role: byModel ? 'assistant' : 'user', content: text })),
      { role: 'user', content: request.content },
    ],
    ...(request.maxOutputTokens > 0 ? { max_tokens: request.maxOutputTokens } : {}),
    ...(schema === undefined
      ? {}
      : { response_format: { type: 'json_schema', json_schema: { name: 'answer', schema, strict: true } } }),
  };
}

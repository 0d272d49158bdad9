import { asGatewayError, type ErrorCode, GatewayError } from '@sallyport/chassis/errors';
import type { Client } from '@sallyport/chassis/rpc/client';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { CompletionService } from '@sallyport/proto/models/v1/models_pb';
import type { BrokerTool } from '../catalog/catalog.ts';
import type { JsonObject } from '../catalog/definition.ts';
import { nameInRules } from '../invoke/prepare.ts';
import type { Turn } from '../invoke/turn.ts';
import { samplingBudgets } from './budget.ts';
import { answerKey, keptAnswers } from './kept-answers.ts';
import { readSample } from './read-request.ts';

/** Has a model asked for a tool server, in the course of a call of its tool. */
export interface Sampler {
  /** The answer as MCP has it. Throws GatewayError: `rate_limited` where the budget is spent, what the model call fails with. */
  sample(turn: Turn, tool: BrokerTool, args: JsonObject, params: unknown): Promise<JsonObject>;
  /** The call of a turn has ended, and may wait for people. */
  ended(turn: Turn, waits: boolean): void;
}

/** A request that was made, for the record of the call. */
export interface Sampled {
  /** The run of its own that the model was asked in. */
  readonly trajectory: string;
  readonly model: string;
  readonly tokens: number;
  readonly costNanoUsd: number;
  /** No model was asked: it is what one had said when the same call was made before, and waited for an approval. */
  readonly again?: boolean;
}

/** How often a model was asked in the course of a call, in all its rounds. */
export function sampledSoFar({ sampledBefore = 0, sampled = [] }: Pick<Turn, 'sampled' | 'sampledBefore'>): number {
  return sampledBefore + sampled.length;
}

const TIMEOUT_MS = 60_000;
const MAX_ANSWER = 32_768;
/** By which what a request may come to is estimated before it is made. */
const CHARACTERS_A_TOKEN = 4;
/** Of who was refused before a model was asked, nothing was used. */
const UNUSED: ReadonlySet<ErrorCode> = new Set([
  ...([
    'invalid_request',
    'body_too_large',
    'unauthenticated',
    'permission_denied',
    'not_found',
    'unsupported',
  ] as const),
  ...(['rate_limited', 'budget_exceeded', 'step_limit', 'policy_denied'] as const),
]);
const SYSTEM =
  'A tool server asks you the following. You have no tools, and nothing is known to you but what it says: who reads your ' +
  'answer is that server alone.';

/** Makes the sampler over model-proxy's CompletionService, with a budget for each server. */
export function createSampler(client: Pick<Client<typeof CompletionService>, 'complete'>): Sampler {
  const budgets = samplingBudgets();
  const kept = keptAnswers();
  return {
    ended: kept.ended,
    async sample(turn, tool, args, params) {
      const { server } = tool;
      const bounds = server.spec.sampling;
      const request = readSample(params);
      if (bounds === undefined || request === undefined) {
        throw new GatewayError('unsupported', 'The tool server asks a model in a way that is not offered to it.');
      }
      const sampled = turn.sampled ?? [];
      const key = answerKey(turn.principal, tool, args, sampledSoFar(turn), params);
      const said = kept.of(key);
      if (said !== undefined && sampledSoFar(turn) < bounds.requestsPerCall) {
        turn.sampled = [...sampled, { trajectory: '', model: bounds.model, tokens: 0, costNanoUsd: 0, again: true }];
        kept.note(turn, key, said);
        return said;
      }
      const { messages, systemPrompt } = request;
      const maxOutputTokens = Math.min(request.maxTokens, bounds.maxTokens);
      const characters = messages.reduce((sum, { text }) => sum + text.length, SYSTEM.length + systemPrompt.length);
      const most = Math.ceil(characters / CHARACTERS_A_TOKEN) + maxOutputTokens;
      // Taken before the model is asked: requests that come at once are bounded too.
      const settle = sampledSoFar(turn) >= bounds.requestsPerCall ? undefined : budgets.take(server.uid, bounds, most);
      if (settle === undefined) {
        throw new GatewayError('rate_limited', 'The tool server has asked a model as often as it may.');
      }
      const one = { trajectory: uuidv7(), model: bounds.model, tokens: 0, costNanoUsd: 0 };
      turn.sampled = [...sampled, one];
      const last = messages.at(-1)?.text ?? '';
      const answer = await client
        .complete(
          {
            principal: turn.principal,
            trajectory: one.trajectory,
            turn: turn.id,
            step: '1',
            model: bounds.model,
            system: systemPrompt === '' ? SYSTEM : `${SYSTEM}\n\n${systemPrompt}`,
            said: messages.slice(0, -1).map((one) => ({ ...one })),
            content: last,
            maxOutputTokens,
            sources: [`tool:${nameInRules(tool)}`],
          },
          { timeoutMs: TIMEOUT_MS, signal: turn.signal, depth: 1 },
        )
        .catch((caught: unknown) => {
          const error = asGatewayError(caught);
          // Of any other nobody knows what its model had written by then.
          settle(UNUSED.has(error.code) ? { tokens: 0, nanoUsd: 0 } : undefined);
          turn.signal.throwIfAborted();
          throw error;
        });
      one.tokens = answer.inputTokens + answer.outputTokens;
      one.costNanoUsd = answer.costNanoUsd;
      settle({ tokens: one.tokens, nanoUsd: one.costNanoUsd });
      const given: JsonObject = {
        role: 'assistant',
        content: { type: 'text', text: answer.text.slice(0, MAX_ANSWER) },
        model: bounds.model,
        stopReason: answer.cut ? 'maxTokens' : 'endTurn',
      };
      kept.note(turn, key, given);
      return given;
    },
  };
}

import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import type { Client } from '@sallyport/chassis/rpc/client';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { CompletionService } from '@sallyport/proto/models/v1/models_pb';
import type { BrokerTool } from '../catalog/catalog.ts';
import type { JsonObject } from '../catalog/definition.ts';
import { nameInRules } from '../invoke/prepare.ts';
import type { Turn } from '../invoke/turn.ts';
import { samplingBudgets } from './budget.ts';
import { readSample } from './read-request.ts';

/** Has a model asked for a tool server, in the course of a call of its tool. */
export interface Sampler {
  /** The answer as MCP has it. Throws GatewayError: `rate_limited` where the budget is spent, what the model call fails with. */
  sample(turn: Turn, tool: BrokerTool, params: unknown): Promise<JsonObject>;
}

/** A request that was made, for the record of the call. */
export interface Sampled {
  /** The run of its own that the model was asked in. */
  readonly trajectory: string;
  readonly model: string;
  readonly tokens: number;
  readonly costNanoUsd: number;
}

/** How often a model was asked in the course of a call, in all its rounds. */
export function sampledSoFar({ sampledBefore = 0, sampled = [] }: Pick<Turn, 'sampled' | 'sampledBefore'>): number {
  return sampledBefore + sampled.length;
}

const TIMEOUT_MS = 60_000;
const MAX_ANSWER = 32_768;
const SYSTEM =
  'A tool server asks you the following. You have no tools, and nothing is known to you but what it says: who reads your ' +
  'answer is that server alone.';

/** Makes the sampler over model-proxy's CompletionService, with a budget for each server. */
export function createSampler(client: Pick<Client<typeof CompletionService>, 'complete'>): Sampler {
  const budgets = samplingBudgets();
  return {
    async sample(turn, tool, params) {
      const { server } = tool;
      const bounds = server.spec.sampling;
      const request = readSample(params);
      if (bounds === undefined || request === undefined) {
        throw new GatewayError('unsupported', 'The tool server asks a model in a way that is not offered to it.');
      }
      const sampled = turn.sampled ?? [];
      if (sampledSoFar(turn) >= bounds.requestsPerCall || !budgets.take(server.uid, bounds)) {
        throw new GatewayError('rate_limited', 'The tool server has asked a model as often as it may.');
      }
      // Taken before the model is asked: requests that come at once are bounded too.
      const one = { trajectory: uuidv7(), model: bounds.model, tokens: 0, costNanoUsd: 0 };
      turn.sampled = [...sampled, one];
      const { messages, systemPrompt } = request;
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
            said: messages.slice(0, -1).map((said) => ({ ...said })),
            content: last,
            maxOutputTokens: Math.min(request.maxTokens, bounds.maxTokens),
            sources: [`tool:${nameInRules(tool)}`],
          },
          { timeoutMs: TIMEOUT_MS, signal: turn.signal, depth: 1 },
        )
        .catch((error: unknown) => {
          turn.signal.throwIfAborted();
          throw asGatewayError(error);
        });
      one.tokens = answer.inputTokens + answer.outputTokens;
      one.costNanoUsd = answer.costNanoUsd;
      budgets.settle(server.uid, { tokens: one.tokens, nanoUsd: one.costNanoUsd });
      return {
        role: 'assistant',
        content: { type: 'text', text: answer.text.slice(0, MAX_ANSWER) },
        model: bounds.model,
        stopReason: answer.cut ? 'maxTokens' : 'endTurn',
      };
    },
  };
}

import type { GatewayError } from '@sallyport/chassis/errors';
import type { Cited, Source } from '../chat/cited.ts';
import type { FrontDialect, JsonObject } from '../chat/message.ts';
import type { ChatRequest } from '../chat/request.ts';
import type { ChatResponse } from '../chat/response.ts';
import type { StreamEncoder } from '../chat/stream.ts';
import type { Exchange } from '../responses/exchange.ts';
import * as anthropicErrors from './anthropic/errors.ts';
import * as anthropicParse from './anthropic/parse.ts';
import * as anthropicRender from './anthropic/render.ts';
import type { ParsedRequest } from './body.ts';
import * as geminiErrors from './gemini/errors.ts';
import * as geminiParse from './gemini/parse.ts';
import * as geminiRender from './gemini/render.ts';
import * as openAiErrors from './openai/errors.ts';
import * as openAiParse from './openai/parse.ts';
import * as openAiRender from './openai/render.ts';
import * as responsesErrors from './openai-responses/errors.ts';
import * as responsesParse from './openai-responses/parse.ts';
import * as responsesRender from './openai-responses/render.ts';

/** What an answer is rendered with; `model` is the public name that the client asked for. */
export interface FrontOptions {
  readonly model: string;
  readonly trajectory: string;
  readonly created: number;
  readonly includeUsage: boolean;
  /** Of the Responses API: the answer's own id, and what it repeats. */
  readonly exchange?: Exchange | undefined;
}

/** How one dialect is spoken with clients. */
export interface Front {
  readonly dialect: FrontDialect;
  /** Throws GatewayError `invalid_request` naming the path in `details.param`. */
  parseRequest(body: unknown): ParsedRequest;
  neutralRequest(parsed: ParsedRequest): ChatRequest;
  renderResponse(response: ChatResponse, options: FrontOptions): JsonObject;
  renderStream(options: FrontOptions): StreamEncoder;
  /** Says sources as the dialect's own provider would. */
  cite(sources: readonly Source[]): Cited;
  errorBody(error: GatewayError, trajectory?: string): JsonObject;
  errorFrame(error: GatewayError, trajectory?: string): string;
}

const openAiChat: Front = { dialect: 'openai-chat', ...openAiParse, ...openAiRender, ...openAiErrors };
const openAiResponses: Front = {
  dialect: 'openai-responses',
  ...responsesParse,
  ...responsesRender,
  ...responsesErrors,
};
const anthropicMessages: Front = {
  dialect: 'anthropic-messages',
  ...anthropicParse,
  ...anthropicRender,
  ...anthropicErrors,
};
const gemini: Front = { dialect: 'gemini', ...geminiParse, ...geminiRender, ...geminiErrors };

const fronts: Readonly<Record<FrontDialect, Front>> = {
  'openai-chat': openAiChat,
  'openai-responses': openAiResponses,
  'anthropic-messages': anthropicMessages,
  gemini,
};

/** The front of a dialect. */
export function frontOf(dialect: FrontDialect): Front {
  return fronts[dialect];
}

/** Tells whether the clients of a dialect skip comments of a stream: Google's own for Python reads each line as an answer. */
export function takesComments(dialect: FrontDialect): boolean {
  return dialect !== 'gemini';
}

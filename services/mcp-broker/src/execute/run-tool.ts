import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { ANSWERS, escapeHandles, hasAnswers, isOfferingCall, type OfferingCall, refusal } from '@sallyport/turn';
import { pointerTokens } from '@sallyport/turn/json-pointer';
import { declaresKey } from '@sallyport/turn/schema-position';
import type { BrokerTool } from '../catalog/catalog.ts';
import type { JsonObject } from '../catalog/definition.ts';
import type { BrokerMetrics } from '../metrics.ts';
import { clientBlock } from '../offerings/gateway-uri.ts';
import { toolAnswer } from '../offerings/offering-answer.ts';
import type { ToolAnswer } from '../upstream/connection.ts';
import type { ForWhom, Upstream } from '../upstream/upstream.ts';
import { contradictsItself } from './contradiction.ts';
import type { Misfit, SchemaCheck } from './schema-check.ts';
import { boundArguments, boundResult } from './value-bounds.ts';

/** Codes of a server that cannot be called. */
const DOWN = new Set(['upstream_error', 'upstream_timeout', 'deadline_exceeded', 'unavailable', 'rate_limited']);

/** Tells whether an error is that of a server that cannot be called now. */
export function saysDown(error: unknown): boolean {
  return DOWN.has(asGatewayError(error).code);
}

/** What running tools needs. */
export interface ToolRunner {
  readonly upstream: Pick<Upstream, 'call' | 'ask' | 'ready' | 'subscribe' | 'giveUp'>;
  readonly metrics: BrokerMetrics;
  readonly checks: (key: string, schema: JsonObject) => SchemaCheck;
}

/** A decided call. */
export interface ToolRun {
  readonly principal: Principal;
  readonly tool: BrokerTool;
  /** Parsed arguments with handles filled, and the same as JSON. */
  readonly args: JsonObject;
  readonly argumentsJson: string;
  readonly signal: AbortSignal;
}

/** Why a tool was not called. */
export type NotCalled = 'invalid_arguments' | 'tool_unavailable' | 'key_used';

/** How a call went. */
export interface RanTool {
  readonly answer: ToolAnswer;
  /** The answer as JSON of an MCP CallToolResult. */
  readonly resultJson: string;
  readonly latencyMs: number;
  readonly credential: string;
  readonly sizeBytes: number;
  /** The words are the gate's own: the tool was not called, or what it gave does not fit its schema. */
  readonly own: boolean;
  /** Why the tool was not called; absent: it was. */
  readonly notCalled?: NotCalled;
  /** It is what the administrator says while the server is down; whether the call certainly was not made. */
  readonly whileDown?: { readonly notMade: boolean };
}

/**
 * Runs a decided call: arguments against the input schema, the call itself, the result against the output schema. Bad
 * arguments and results that do not fit are error results, so that a model can adapt. Throws GatewayError where the tool
 * gave no answer.
 */
export async function runTool(runner: ToolRunner, run: ToolRun): Promise<RanTool> {
  const { tool, args } = run;
  const { definition, server } = tool;
  const startedAt = performance.now();
  const misfit = checkArguments(runner, run);
  if (misfit) return notCalled('invalid_arguments', `${refusal('invalid_arguments').text} ${misfit}`);
  try {
    const for_ = { principal: run.principal, signal: run.signal, timeoutMs: tool.timeoutMs };
    const { answer: given, credential } = isOfferingCall(definition.name)
      ? await askServer(runner, definition.name, server, args, for_)
      : await runner.upstream.call(server, definition, args, for_);
    const latencyMs = performance.now() - startedAt;
    boundResult(given);
    const answer = isOfferingCall(definition.name) ? given : withGatewayUris(server.name, given);
    runner.metrics.toolCalls(server.name, answer.isError ? 'error' : 'ok').inc();
    runner.metrics.toolSeconds(server.name).observe(latencyMs / 1000);
    const wrong = checkResult(runner, tool, given);
    if (wrong) return ownAnswer(`[upstream_invalid] ${wrong}`, latencyMs, credential);
    const resultJson = JSON.stringify(answer);
    return { answer, resultJson, latencyMs, credential, sizeBytes: Buffer.byteLength(resultJson), own: false };
  } catch (caught) {
    const error = asGatewayError(caught);
    runner.metrics.toolCalls(server.name, error.code).inc();
    const canned = DOWN.has(error.code) && !run.signal.aborted ? cannedContent(tool) : undefined;
    // Its words are the administrator's. A schema that they cannot fit is for what the tool itself gives.
    if (canned !== undefined) {
      const ran = ownAnswer(canned, performance.now() - startedAt, '', definition.outputSchema !== undefined);
      return { ...ran, whileDown: { notMade: error.details?.notMade === true } };
    }
    if (error.details?.notMade === true) {
      return notCalled('tool_unavailable', refusal('tool_unavailable').text);
    }
    if (error.code !== 'deadline_exceeded' || run.signal.aborted) throw error;
    throw new GatewayError('upstream_timeout', `The tool did not answer within ${tool.timeoutMs} ms.`, {
      cause: error,
    });
  }
}

/** A result in which resources have the URIs by which clients can read them. Structured content is as its schema says. */
function withGatewayUris(server: string, answer: ToolAnswer): ToolAnswer {
  const { content } = answer;
  if (!content.some(({ type }) => type === 'resource' || type === 'resource_link')) return answer;
  return { ...answer, content: content.map((block) => clientBlock(server, block)) };
}

/** What is no tool is asked for by its own method, and what comes back is a result like any other. */
async function askServer(
  { upstream }: ToolRunner,
  call: OfferingCall,
  server: BrokerTool['server'],
  args: JsonObject,
  for_: ForWhom,
): Promise<{ readonly answer: ToolAnswer; readonly credential: string }> {
  const { answer, credential } = await upstream.ask(server, call, args, for_);
  if ('result' in answer) boundResult(answer);
  const read = toolAnswer(call, server.name, answer);
  if (read === undefined) throw new GatewayError('upstream_invalid', 'The tool server does not answer as MCP says.');
  return { answer: read, credential };
}

function checkArguments(runner: ToolRunner, { tool, args, argumentsJson }: ToolRun): string | undefined {
  // What is decided as an answer to the server is none of the arguments.
  if (hasAnswers(args)) return `At the root: ${ANSWERS}.`;
  try {
    boundArguments(args, argumentsJson);
    const misfit = runner.checks(`in:${tool.definition.digest}`, tool.definition.inputSchema)(args);
    return misfit && placeOf(misfit, tool.definition.inputSchema);
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'invalid_request') return error.message;
    throw error;
  }
}

function checkResult(runner: ToolRunner, tool: BrokerTool, answer: ToolAnswer): string | undefined {
  if (contradictsItself(answer)) return "The text of the tool's answer contradicts its structured content.";
  const misfit = misfitOf(runner, tool, answer);
  return misfit && `The tool's answer does not fit its output schema. ${misfit}`;
}

function misfitOf(runner: ToolRunner, tool: BrokerTool, answer: ToolAnswer): string | undefined {
  const { outputSchema, digest } = tool.definition;
  if (outputSchema === undefined || answer.isError || answer.asks === true) return undefined;
  if (answer.structuredContent === undefined) return 'It has no structured content.';
  try {
    const misfit = runner.checks(`out:${digest}`, outputSchema)(answer.structuredContent);
    return misfit && placeOf(misfit, outputSchema);
  } catch {
    return 'It is too complex to be checked.';
  }
}

// A pointer holds member names, which are the text of whoever made the value: a model reads those of the schema only.
function placeOf({ pointer, keyword }: Misfit, schema: JsonObject): string {
  const tokens = pointerTokens(pointer);
  const shown = tokens.map((token, at) => {
    const declared = /^\d{1,6}$/.test(token) || declaresKey(schema, tokens.slice(0, at), token);
    return declared && /^[\x21-\x7e]{1,64}$/.test(token) ? escapeHandles(token) : '?';
  });
  return `At ${shown.length === 0 ? 'the root' : `/${shown.join('/').slice(0, 200)}`}: ${keyword}.`;
}

/** The answer for a tool that was not called: why, in the gate's own words. */
export function notCalled(why: NotCalled, text: string): RanTool {
  return { ...ownAnswer(text, 0, ''), notCalled: why };
}

function cannedContent({ server, definition }: BrokerTool): string | undefined {
  return server.spec.tools.find(({ name }) => name === definition.name)?.whileDown?.content;
}

function ownAnswer(text: string, latencyMs: number, credential: string, isError = true): RanTool {
  const answer: ToolAnswer = { content: [{ type: 'text', text }], isError };
  const resultJson = JSON.stringify(answer);
  return { answer, resultJson, latencyMs, credential, sizeBytes: Buffer.byteLength(resultJson), own: true };
}

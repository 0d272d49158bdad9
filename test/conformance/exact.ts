import { isDeepStrictEqual } from 'node:util';
import { createLists } from '../fakes/conformance/lists.ts';
import { plainTools } from '../fakes/conformance/tools.ts';
import type { Outcome } from './outcomes.ts';

/** Where the fixture is, directly and behind the gate. */
export interface Twice {
  readonly direct: string;
  readonly gated: string;
}

type Answer = Record<string, unknown>;
type Ask = (method: string, params?: Record<string, unknown>) => Promise<Answer>;

const CLIENT = { name: 'exact', version: '1.0.0' };
const PREFIX = 'io.modelcontextprotocol/';
/** Arguments of the tools that want some. */
const ARGUMENTS: Readonly<Record<string, object>> = {
  test_structured_content: { count: 3 },
  json_schema_2020_12_tool: { contactMethod: 'email', email: 'a@b.example', name: 'Ünïcödé “ ” \u2028', address: {} },
};
const TRIGGERS = /^test_trigger_/;

/**
 * Asks the same of the fixture and of the gate before it, and compares the answers to the letter: some scenarios of the suite are
 * content with a server that denies everything.
 */
export async function exactOutcomes(where: Twice, revision: string): Promise<Outcome[]> {
  const [direct, gated] = await Promise.all([asker(where.direct, revision), asker(where.gated, revision)]);
  const outcomes: Outcome[] = [];
  const both = async (name: string, method: string, params: Record<string, unknown> = {}, part = whole) => {
    const [one, other] = [part(await direct(method, params)), part(await gated(method, params))];
    const same = isDeepStrictEqual(one, other);
    const errorMessage = same ? '' : `directly ${shown(one)}, through the gate ${shown(other)}`;
    outcomes.push({ name, checks: [{ id: 'same', status: same ? 'SUCCESS' : 'FAILURE', errorMessage }] });
  };
  for (const { name } of createLists().tools())
    await both(`tools/list ${name}`, 'tools/list', {}, (answer) => oneOf(answer, 'tools', name));
  for (const { name } of plainTools) {
    if (TRIGGERS.test(name)) continue;
    await both(`tools/call ${name}`, 'tools/call', { name, arguments: ARGUMENTS[name] ?? {} });
  }
  for (const { name } of createLists().prompts())
    await both(`prompts/list ${name}`, 'prompts/list', {}, (answer) => oneOf(answer, 'prompts', name));
  await both('prompts/get test_simple_prompt', 'prompts/get', { name: 'test_simple_prompt' });
  const given = { name: 'test_prompt_with_arguments', arguments: { arg1: 'ä', arg2: '\n"' } };
  await both('prompts/get test_prompt_with_arguments', 'prompts/get', given);
  await both('resources/list', 'resources/list');
  await both('resources/templates/list', 'resources/templates/list');
  for (const uri of ['test://static-text', 'test://static-binary', 'test://template/123/data'])
    await both(`resources/read ${uri}`, 'resources/read', { uri });
  const ref = { type: 'ref/prompt', name: 'test_prompt_with_arguments' };
  await both('completion/complete', 'completion/complete', { ref, argument: { name: 'arg1', value: 'par' } });
  return outcomes;
}

const shown = (value: unknown) => JSON.stringify(value)?.slice(0, 300) ?? 'nothing';

/** An answer without what a gate adds by right: whose answer it is, how long it may be kept, and that it is no error. */
function whole({ error, result }: Answer): unknown {
  if (error !== undefined) return { error: { ...(error as object), message: undefined } };
  const { _meta, resultType, ttlMs, cacheScope, ...rest } = result as Answer;
  if (rest.isError === false) delete rest.isError;
  return rest;
}

function oneOf(answer: Answer, list: string, name: string): unknown {
  const entries = (whole(answer) as Answer)[list];
  return Array.isArray(entries) ? entries.find((one) => one.name === name) : undefined;
}

async function asker(url: string, revision: string): Promise<Ask> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': revision,
  };
  const modern = revision === '2026-07-28';
  const send = async (message: object, further: Record<string, string> = {}) => {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    return await fetch(url, { method: 'POST', headers: { ...headers, ...further }, body });
  };
  if (!modern) {
    const params = { protocolVersion: revision, capabilities: {}, clientInfo: CLIENT };
    const answer = await send({ id: 0, method: 'initialize', params });
    await answer.text();
    const session = answer.headers.get('mcp-session-id');
    if (session !== null) headers['mcp-session-id'] = session;
    await (await send({ method: 'notifications/initialized' })).text();
  }
  const meta = { [`${PREFIX}protocolVersion`]: revision, [`${PREFIX}clientInfo`]: CLIENT };
  const _meta = { ...meta, [`${PREFIX}clientCapabilities`]: {} };
  let id = 0;
  return async (method, params = {}) => {
    id += 1;
    const named = params.name ?? params.uri;
    const answer = await send(
      { id, method, params: modern ? { ...params, _meta } : params },
      modern ? { 'mcp-method': method, ...(named === undefined ? {} : { 'mcp-name': String(named) }) } : {},
    );
    return finalOf(await answer.text(), id);
  };
}

/** The answer in a body: that itself, or the event of a stream that has the id. */
function finalOf(text: string, id: number): Answer {
  const events = text.split(/\r?\n/).filter((line) => line.startsWith('data:'));
  const messages = (events.length === 0 ? [text] : events.map((line) => line.slice(5))).filter(
    (one) => one.trim() !== '',
  );
  const found = messages.map((one) => JSON.parse(one) as Answer).find((one) => one.id === id);
  if (found === undefined) throw new Error(`no answer to ${id} in: ${text.slice(0, 300)}`);
  return found;
}

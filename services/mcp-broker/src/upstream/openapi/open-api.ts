import { createHash } from 'node:crypto';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Server } from '../../catalog/catalog.ts';
import { UnusableTool } from '../../catalog/unusable-tool.ts';
import type { Connection, ToolAnswer } from '../connection.ts';
import { credentialOf } from '../server-credential.ts';
import type { ServerSend } from '../server-send.ts';
import { compileApart } from './compile-apart.ts';
import { type CompiledDocument, type OperationPlan, REQUEST } from './plan.ts';
import { readAnswer } from './read-answer.ts';
import { MAX_JSON_BYTES } from './read-document.ts';
import { UnsendableArgument } from './serialize.ts';
import { type ApiRequest, writeRequest } from './write-request.ts';

interface Held {
  /** SHA-256 of the document's text. */
  readonly of: string;
  readonly compiled: CompiledDocument;
  readonly plans: ReadonlyMap<string, OperationPlan>;
  /** What the server said to ask for changes by. */
  readonly etag: string;
}

/** What the documents of servers came to, for as long as the servers stay as they are declared. */
const held = new WeakMap<Server, Held>();

/**
 * Reaches an HTTP API as its OpenAPI document says. No request is made to open it; its document is read for each listing,
 * and compiled only where it is another one. A call makes the request that the definition was listed with, or none.
 */
export function openApi(
  server: Server,
  within: { readonly send: ServerSend; readonly maxResultBytes: number },
): Connection {
  const { send, maxResultBytes } = within;
  const spec = server.spec.openApi;
  if (spec === undefined) throw new TypeError('the server has no openApi');
  const { url: base } = spec;

  const load = async (signal: AbortSignal): Promise<Held> => {
    const known = held.get(server);
    const document = spec.document ?? (await fetched(send, spec.documentUrl ?? base, known?.etag ?? '', signal));
    if (document === undefined && known !== undefined) return known;
    const [text, etag] = typeof document === 'string' ? [document, ''] : [document?.text ?? '', document?.etag ?? ''];
    const of = createHash('sha256').update(text).digest('base64');
    const compiled =
      known?.of === of
        ? known.compiled
        : await compileApart({ text, picked: spec.operations ?? {}, reserved: reservedOf(server) }, signal);
    const plans = new Map(compiled.tools.map(({ tool, plan }) => [tool.name, plan]));
    const next: Held = { of, compiled, plans, etag };
    held.set(server, next);
    return next;
  };

  return {
    stateful: false,
    async list(signal) {
      const { compiled } = await load(signal);
      if (spec.document !== undefined || new URL(spec.documentUrl ?? base).origin !== new URL(base).origin) {
        await reached(send, base, signal);
      }
      return [
        ...compiled.tools.map(({ tool }) => tool),
        ...compiled.unusable.map(({ name, reason }) => new UnusableTool(name, reason)),
      ];
    },
    async call(definition, args, signal): Promise<ToolAnswer> {
      const { name, annotations, outputSchema } = definition;
      const { plans, compiled } = held.get(server) ?? (await load(signal));
      const plan = plans.get(name);
      const now = compiled.tools.find(({ tool }) => tool.name === name)?.tool.annotations[REQUEST];
      if (plan === undefined || now !== annotations?.[REQUEST]) {
        throw new GatewayError('upstream_invalid', 'The OpenAPI document says another request for this tool by now.');
      }
      let request: ApiRequest;
      try {
        request = writeRequest(base, plan, args);
      } catch (error) {
        if (!(error instanceof UnsendableArgument)) throw error;
        return { content: [{ type: 'text', text: `[invalid_arguments] ${error.message}` }], isError: true };
      }
      const { url, method, headers, body } = request;
      const answer = await send(url, { method, headers, body, signals: [signal], mayForbid: true });
      const uri = `${url.origin}${url.pathname}`;
      return await readAnswer(answer, { maxResultBytes, wraps: plan.wraps, typed: outputSchema !== undefined, uri });
    },
    close: () => Promise.resolve(),
  };
}

/** The document, or undefined where it is the one that is known. */
async function fetched(send: ServerSend, url: string, etag: string, signal: AbortSignal) {
  const headers: Record<string, string> = { accept: 'application/json, application/yaml;q=0.9, */*;q=0.5' };
  if (etag !== '') headers['if-none-match'] = etag;
  const answer = await send(new URL(url), { method: 'GET', headers, signals: [signal] });
  if (answer.status === 304 && etag !== '') {
    await answer.discard();
    return undefined;
  }
  if (answer.status !== 200 || (answer.headers['content-encoding'] ?? 'identity') !== 'identity') {
    await answer.discard();
    throw new GatewayError('upstream_error', `The OpenAPI document is answered with status ${answer.status}.`);
  }
  const { etag: next } = answer.headers;
  return { text: await answer.text(MAX_JSON_BYTES), etag: typeof next === 'string' ? next : '' };
}

/** Nobody said that a bare base URL answers anything, so any answer will do. Without the credential, which it might refuse. */
async function reached(send: ServerSend, base: string, signal: AbortSignal): Promise<void> {
  const answer = await send(new URL(base), { method: 'HEAD', headers: {}, signals: [signal], bare: true });
  await answer.discard();
  if (answer.status === 502 || answer.status === 503 || answer.status === 504) {
    throw new GatewayError('upstream_error', `The API answered with status ${answer.status}.`);
  }
}

function reservedOf(server: Server): string[] {
  const credential = credentialOf(server);
  const own = Object.keys(server.spec.openApi?.headers ?? {}).map((name) => `header ${name.toLowerCase()}`);
  if (credential === undefined) return own;
  return [...own, credential.parameter === undefined ? `header ${credential.header}` : `query ${credential.parameter}`];
}

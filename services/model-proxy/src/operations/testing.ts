import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { create } from '@bufbuild/protobuf';
import { createMetrics } from '@sallyport/chassis/metrics';
import { readAccess } from '@sallyport/peers/access';
import { createIngress } from '@sallyport/peers/ingress';
import { quiet } from '@sallyport/peers/testing';
import { AccessGrant_ClientTools, ResolveAccessResponseSchema } from '@sallyport/proto/policy/v1/access_pb';
import type { Model } from '../catalog.ts';
import { createModelApp } from '../http/app.ts';
import type { Gate } from '../turn/gate.ts';
import { gateOf, type Kept, somebody } from '../turn/testing.ts';
import type { UpstreamCall } from '../upstream/upstream.ts';

/** What a provider under a test's control answers. */
export interface Scripted {
  readonly status?: number;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text, bytes, or pieces that come one by one; an Error among them breaks the answer there. */
  readonly body: string | Buffer | readonly (string | Buffer | Error)[] | AsyncIterable<string | Buffer>;
}

/** A call that a provider got. */
export interface Called extends UpstreamCall {
  readonly provider: string;
  /** Its body as text. */
  readonly text: string;
}

/** The model plane's HTTP front over ports in memory, with one provider script for all providers. */
export interface Desk {
  readonly url: string;
  readonly kept: Kept;
  readonly calls: Called[];
  /** Sets what is answered; the call tells by whom. */
  script(answer: (call: Called) => Scripted): void;
  /** POST with a key; a FormData goes as a form. */
  post(
    path: string,
    body: unknown,
    headers?: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<Response>;
  close(): Promise<void>;
}

/** What a desk is made with. */
export interface DeskInit {
  readonly models: readonly Model[];
  readonly endpoints?: readonly string[];
  /** Models that may be used, as globs; default: all. */
  readonly modelGlobs?: readonly string[];
  readonly passthrough?: readonly { provider: string; methods: string[]; paths: string[] }[];
  /** Limits that each reservation touches. */
  readonly touched?: Parameters<typeof gateOf>[1];
  readonly ports?: { [part in keyof Gate]?: unknown };
}

/** Opens a desk: key `good` is ann of tenant `acme`, who may use what `endpoints` say (default: all) and all models. */
export async function openDesk({
  models,
  endpoints = ['*'],
  passthrough = [],
  modelGlobs = ['*'],
  touched = [],
  ports = {},
}: DeskInit): Promise<Desk> {
  const calls: Called[] = [];
  let script: (call: Called) => Scripted = () => ({ status: 500, body: '{}' });
  const grant = { policy: 'all', models: [...modelGlobs], tools: [], clientTools: AccessGrant_ClientTools.DECIDE };
  const access = readAccess(
    create(ResolveAccessResponseSchema, {
      grants: [{ ...grant, endpoints: [...endpoints], passthrough: [...passthrough] }],
    }),
  );
  const byName = new Map(models.map((model) => [model.publicName, model]));
  const metrics = createMetrics('model-proxy');
  const kept = gateOf(
    {
      snapshot: { seen: () => true, revision: () => 'r1', onChange() {}, items: () => [] },
      catalog: {
        find: (_tenant: string, name: string) => byName.get(name),
        list: () => models,
        providers: () => models.flatMap(({ targets }) => targets.map(({ provider }) => provider)),
      },
      ingress: createIngress({ trustedProxies: [] } as never, { log: quiet, metrics }),
      principals: {
        authenticate: async () => somebody(),
        onRevoked() {},
      },
      access: { accessOf: async () => access },
      credentials: { lease: async () => ({ value: 'provider-key', reference: 'ref', scopes: [] }), drop() {} },
      upstream: {
        request: async (provider: { name: string }, call: UpstreamCall) => {
          const called: Called = { ...call, provider: provider.name, text: call.body?.toString() ?? '' };
          calls.push(called);
          return answerOf(script(called), call.signal);
        },
      },
      ...ports,
    },
    touched,
  );
  const server = createServer(createModelApp(kept.gate, metrics));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    kept,
    calls,
    script: (answer) => {
      script = answer;
    },
    post: (path, body, headers = {}, signal = undefined) =>
      fetch(url + path, {
        method: 'POST',
        ...(signal ? { signal } : {}),
        headers: {
          authorization: 'Bearer good',
          ...(body instanceof FormData ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        body: body instanceof FormData || typeof body === 'string' ? body : JSON.stringify(body),
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answerOf(
  { status = 200, type = 'application/json', headers = {}, body }: Scripted,
  signal: UpstreamCall['signal'],
) {
  const pieces = typeof body === 'string' || Buffer.isBuffer(body) ? [body] : body;
  const stream = Readable.from(
    (async function* () {
      for await (const piece of pieces) {
        if (piece instanceof Error) throw piece;
        yield Buffer.from(piece as string);
      }
    })(),
  );
  // As a connection does: who is aborted reads no more.
  signal.addEventListener('abort', () => void stream.destroy(signal.reason as Error), { once: true });
  const bytes = async () => Buffer.concat(await stream.toArray());
  return {
    status,
    headers: { 'content-type': type, ...headers },
    body: stream,
    bytes,
    text: async () => (await bytes()).toString(),
    discard: async () => void stream.destroy(),
  };
}

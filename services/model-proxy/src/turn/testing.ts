import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { sealer } from '@sallyport/chassis/seal';
import { readAccess } from '@sallyport/peers/access';
import type { Amounts, Reservation } from '@sallyport/peers/limits';
import type { RecordInit } from '@sallyport/peers/records';
import { quiet } from '@sallyport/peers/testing';
import { AccessGrant_ClientTools, ResolveAccessResponseSchema } from '@sallyport/proto/policy/v1/access_pb';
import { Principal_Kind, PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import { createAnswerCache } from '../cache/answer-cache.ts';
import { memoryAnswerStore } from '../cache/store-memory.ts';
import type { Model, Provider } from '../catalog.ts';
import type { FrontDialect, JsonObject } from '../chat/message.ts';
import type { StreamEvent } from '../chat/stream.ts';
import { configSchema } from '../config.ts';
import { frontOf } from '../fronts/index.ts';
import type { ClientAnswer } from '../http/client-answer.ts';
import { findProvider } from '../providers/index.ts';
import { RoutingState } from '../routing/state.ts';
import type { Segment } from '../wire/scan.ts';
import { beginTurn } from './admit.ts';
import type { Gate } from './gate.ts';
import type { Turn } from './turn.ts';

/** What a test's turn is made of; all has a default. */
export interface TurnInit {
  readonly dialect?: FrontDialect;
  readonly body?: JsonObject;
  readonly headers?: Readonly<Record<string, string>>;
  readonly principal?: MessageInitShape<typeof PrincipalSchema>;
  readonly model?: Model;
  readonly signal?: AbortSignal;
}

/** What a client was sent. */
export interface Heard {
  readonly answer: ClientAnswer;
  readonly headers: Record<string, string>;
  /** All frames, comments and bodies. */
  text(): string;
}

/** A client that keeps what it is sent. */
export function listener(): Heard {
  const parts: string[] = [];
  const headers: Record<string, string> = {};
  return {
    headers,
    text: () => parts.join(''),
    answer: {
      gone: () => false,
      onGone() {},
      started: () => parts.length > 0,
      header: (name, value) => {
        headers[name] = value;
      },
      json: (_status, body) => void parts.push(body),
      frames: async (frames) => void parts.push(frames.toString()),
      comment: async (text) => void parts.push(`: ${text}\n\n`),
      end: (last = '') => void parts.push(last),
    },
  };
}

/** A principal of tenant `acme`. */
export function somebody(fields: MessageInitShape<typeof PrincipalSchema> = {}) {
  return create(PrincipalSchema, {
    tenant: 'acme',
    kind: Principal_Kind.KEY,
    id: 'key:k1',
    keyId: 'k1',
    user: 'ann',
    ...fields,
  });
}

/** A provider of a type, by name. */
export function providerOf(type = 'openai-compatible', name = 'first'): Provider {
  const declaration = findProvider(type);
  if (!declaration) throw new TypeError(`no provider ${type}`);
  const timeouts = { connectSeconds: 1, firstByteSeconds: 0.05, idleSeconds: 1, totalSeconds: 1 };
  const spec = { type, timeouts, allowPrivateNetwork: true } as Provider['spec'];
  const baseUrl = 'https://provider.example/v1';
  return {
    tenant: 'acme',
    name,
    uid: `uid-${name}`,
    generation: 1,
    spec,
    declaration,
    baseUrl,
    origin: 'https://provider.example',
  };
}

/** A model over providers, with a price unless `price` is null. */
export function modelOf(providers: readonly Provider[], spec: object = {}): Model {
  return {
    tenant: 'acme',
    name: 'm',
    publicName: 'm',
    uid: 'uid-m',
    createdAtMs: 0,
    spec: {
      targets: [],
      fallbackOn: ['Error', 'RateLimit'],
      retry: { attempts: 0 },
      price: { inputPerMillionTokens: '1', outputPerMillionTokens: '2' },
      ...spec,
    } as unknown as Model['spec'],
    targets: providers.map((provider) => ({ provider, model: `${provider.name}-model` })),
  };
}

/** Begins a turn as admission does, with the request in neutral form where it has tools or `look` says so. */
export function turnOf(init: TurnInit = {}, heard: Heard = listener()): Turn {
  const { dialect = 'openai-chat', headers = {}, model = modelOf([providerOf()]) } = init;
  const body = { model: 'm', max_tokens: 100, messages: [{ role: 'user', content: 'hi' }], ...init.body };
  const front = frontOf(dialect);
  const parsed = front.parseRequest(body);
  const grants = [
    { policy: 'all', models: ['*'], tools: ['*'], endpoints: ['*'], clientTools: AccessGrant_ClientTools.DECIDE },
  ];
  const turn = beginTurn(
    {
      id: '01a00000-0000-7000-8000-000000000001',
      startedAtMs: 0,
      dialect,
      endpoint: 'chat.completions',
      body,
      bytes: Buffer.from(JSON.stringify(body)),
      facts: parsed.facts,
      headers,
      answer: heard.answer,
      signal: init.signal ?? new AbortController().signal,
    },
    somebody(init.principal),
    readAccess(create(ResolveAccessResponseSchema, { grants })),
    model,
  );
  turn.trajectory = '01a00000-0000-7000-8000-0000000000ff';
  if (parsed.facts.tools.length > 0 || parsed.facts.toolResults.length > 0) turn.request = front.neutralRequest(parsed);
  return turn;
}

/** What a gate was asked to keep. */
export interface Kept {
  readonly gate: Gate;
  readonly records: RecordInit[];
  /** Reservations: what was set aside, and what was settled, undefined while it is open. */
  readonly reserved: { readonly needed: Amounts; settled?: Amounts; times: number }[];
  readonly remembered: unknown[];
}

/** A gate over ports in memory; `ports` replace its members. What is not given and is called fails. */
export function gateOf(ports: { [part in keyof Gate]?: unknown } = {}, touched: Reservation['touched'] = []): Kept {
  const records: RecordInit[] = [];
  const reserved: Kept['reserved'] = [];
  const remembered: unknown[] = [];
  const nothing = { inc() {}, observe() {}, labels: () => nothing };
  const metrics = new Proxy({}, { get: () => nothing });
  const gate = {
    config: configSchema.parse({
      insecure: true,
      http: { host: '127.0.0.1', port: 0 },
      grpc: { host: '127.0.0.1', port: 0 },
      admin: { host: '127.0.0.1', port: 0 },
      peers: {
        operator: 'o',
        identity: 'i',
        vault: 'v',
        policy: 'p',
        audit: 'a',
        quarantine: 'q',
        'mcp-broker': 'b',
      },
      spoolDir: '/nowhere',
      digestKeyFile: '/nowhere',
    }),
    log: quiet,
    metrics,
    recorder: {
      append: (record: RecordInit) => void records.push(record),
      commit: async (some: RecordInit[]) => void records.push(...some),
    },
    limits: {
      reserve: async (_subject: unknown, needed: Amounts) => {
        const one: Kept['reserved'][number] = { needed, times: 0 };
        reserved.push(one);
        return {
          touched,
          amounts: needed,
          allowance: () => undefined,
          settle(spent: Amounts) {
            one.settled = spent;
            one.times++;
          },
        };
      },
    },
    memory: {
      now: async (released: unknown) => void remembered.push(released),
      later: (released: unknown) => void remembered.push(released),
      caughtUp: async () => {},
      forgets: () => false,
    },
    cache: createAnswerCache({
      store: memoryAnswerStore(1_000_000),
      sealer: sealer([{ id: 'test', key: Buffer.alloc(32) }]),
      log: quiet,
      maxEntryBytes: 100_000,
      timeoutMs: 1_000,
      waitMs: 1_000,
    }),
    routing: new RoutingState(),
    files: undefined,
    batches: undefined,
    digest: (key: string, text: string) => `${key}|${text}`,
    sha256: (text: string) => `sha:${text.length}`,
    ...ports,
    // Nothing is kept of any run, unless a test says what.
    clients: { trajectories: { join: async () => ({ trajectory: '', known: [] }) }, ...(ports.clients ?? {}) },
  };
  return { gate: gate as unknown as Gate, records, reserved, remembered };
}

/** Events of a list or stream as they are read of an answer in which they come one by one. */
export async function* streamed(
  events: readonly StreamEvent[] | AsyncIterable<StreamEvent>,
): AsyncGenerator<readonly Segment[]> {
  for await (const event of events) yield [{ kind: 'events', bytes: '', events: [event], usageOnly: false }];
}

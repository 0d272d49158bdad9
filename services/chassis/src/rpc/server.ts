import type { DescService } from '@bufbuild/protobuf';
import { Server, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { Health } from '@sallyport/proto/grpc/health';
import type { ListenConfig, TlsConfig } from '../config.ts';
import { remainingMs } from '../deadline.ts';
import { asGatewayError, GatewayError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Component } from '../process.ts';
import { rootSpan } from '../tracing.ts';
import { openCall } from './call-context.ts';
import { serverCredentials } from './credentials.ts';
import { type MethodWire, methodsOf } from './definition.ts';
import { type AnyHandler, answering, type CallScope, streaming } from './handlers.ts';
import { healthState } from './health.ts';
import { RPC_SECONDS } from './observation.ts';
import type { ServiceImpl } from './types.ts';

export type { CallContext, ServiceImpl } from './types.ts';

/** What a gRPC server of the suite is made with. */
export interface RpcServerOptions {
  readonly listen: ListenConfig;
  /** Absent: no TLS, and callers are believed by name; only with `insecure: true`. */
  readonly tls: TlsConfig | undefined;
  readonly log: Logger;
  readonly metrics?: Metrics;
  /**
   * Who may call what, by certificate SAN: `pkg.Service/Method` or, for all methods without an entry of their own,
   * `pkg.Service`. What is not listed nobody may call.
   */
  readonly callers: Readonly<Record<string, readonly string[]>>;
}

/** A gRPC server: add services, then hand it to the lifecycle. */
export interface RpcServer extends Component {
  add<S extends DescService>(service: S, impl: ServiceImpl<S>): RpcServer;
  /** The bound port, known after start. */
  port(): number;
  start(): Promise<void>;
  stop(deadlineMs: number): Promise<void>;
}

const MESSAGE_BYTES = 32 * 1024 * 1024;
const SERVER_OPTIONS = {
  // Connections end after five minutes: grpc-js clients resolve names anew only then, and new certificates get used.
  'grpc.max_connection_age_ms': 300_000,
  'grpc.max_connection_age_grace_ms': 30_000,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3_000,
  'grpc.max_concurrent_streams': 10_000,
  'grpc.max_receive_message_length': MESSAGE_BYTES,
  'grpc.max_send_message_length': MESSAGE_BYTES,
};

/** Makes a gRPC server with mTLS, caller allow-list, depth and deadline checks, metrics, traces and health. */
export function rpcServer(options: RpcServerOptions): RpcServer {
  const server = new Server(SERVER_OPTIONS);
  const services = new Set<string>();
  const methods = new Set<string>();
  const streams: CallScope['streams'] = new Set();
  const health = healthState(services);
  const everyCaller = new Set(Object.values(options.callers).flat());
  const observe = observer(options.metrics);
  let boundPort = 0;

  const scopeOf = (method: MethodWire, allowed: ReadonlySet<string>): CallScope => {
    const log = options.log.child({ rpc: method.name });
    return {
      streams,
      open: (call) => openCall(call, method.name, allowed, { insecure: options.tls === undefined, log }),
      traced: (call, fn) => rootSpan(method.name, traceHeaders(call.metadata), { 'rpc.system': 'grpc' }, fn),
      done(error, startedAt) {
        const code = error === undefined ? 'ok' : asGatewayError(error).code;
        observe(method.name, code, (performance.now() - startedAt) / 1000);
        // The one place where an internal fault of a handler is logged: the caller only learns its code.
        if (code === 'internal') log.error('handler failed', { error });
      },
    };
  };
  const register = (service: DescService, impl: object, allowedOf: (method: MethodWire) => ReadonlySet<string>) => {
    const definition: Record<string, MethodWire> = {};
    const handlers: UntypedServiceImplementation = {};
    for (const method of methodsOf(service)) {
      const given = (impl as Record<string, AnyHandler>)[method.localName];
      if (given === undefined) throw new Error(`${method.name} has no handler`);
      // `call` keeps `this` for handlers that are methods of a class.
      const handler: AnyHandler = (request, context) => given.call(impl, request, context);
      const scope = scopeOf(method, allowedOf(method));
      definition[method.localName] = method;
      handlers[method.localName] = (method.responseStream
        ? streaming(handler, scope)
        : answering(handler, scope, method.requestStream)) as unknown as UntypedServiceImplementation[string];
      methods.add(method.name);
    }
    services.add(service.typeName);
    server.addService(definition as unknown as ServiceDefinition, handlers);
  };

  const self: RpcServer = {
    name: 'rpc server',
    add(service, impl) {
      register(service, impl, (method) => new Set(options.callers[method.name] ?? options.callers[service.typeName]));
      return self;
    },
    async start() {
      const unknown = Object.keys(options.callers).filter((name) => !services.has(name) && !methods.has(name));
      if (unknown.length > 0) throw new Error(`callers names what this server does not serve: ${unknown.join(', ')}`);
      register(Health, health.impl, () => everyCaller);
      const { host, port } = options.listen;
      const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
      boundPort = await new Promise<number>((resolve, reject) =>
        server.bindAsync(address, serverCredentials(options.tls), (error, bound) =>
          error === null ? resolve(bound) : reject(error),
        ),
      );
      health.set(true);
      options.log.info('gRPC listens', { host, port: boundPort, tls: options.tls !== undefined });
    },
    async stop(deadlineMs) {
      health.set(false);
      const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      // A stream may live for ever: it is ended now, and its client opens it again elsewhere.
      for (const stream of streams) stream.abort(new GatewayError('unavailable', 'The server is stopping.'));
      const force = setTimeout(() => server.forceShutdown(), Math.min(remainingMs(deadlineMs), 2_147_483_647));
      await closed;
      clearTimeout(force);
    },
    port: () => boundPort,
  };
  return self;
}

function traceHeaders(metadata: { get(key: string): (string | Buffer)[] }) {
  const first = (key: string) => {
    const value = metadata.get(key)[0];
    return typeof value === 'string' ? value : undefined;
  };
  return { traceparent: first('traceparent'), tracestate: first('tracestate'), baggage: first('baggage') };
}

function observer(metrics: Metrics | undefined): (method: string, code: string, seconds: number) => void {
  if (metrics === undefined) return () => undefined;
  const histogram = metrics.histogram(
    'rpc_server_seconds',
    'Time to answer gRPC calls, by method and error code.',
    ['method', 'code'],
    RPC_SECONDS,
  );
  return (method, code, seconds) => histogram.observe({ method, code }, seconds);
}

import type { DescService } from '@bufbuild/protobuf';
import { Client as GrpcClient, Metadata } from '@grpc/grpc-js';
import type { TlsConfig } from '../config.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Component } from '../process.ts';
import { inject } from '../tracing.ts';
import { CALLER_KEY, DEPTH_KEY } from './call-context.ts';
import { bidiCall, clientStreamCall, serverStreamCall, unaryCall } from './calls.ts';
import { channelCredentials } from './credentials.ts';
import { type MethodWire, methodsOf } from './definition.ts';
import { type CallObserver, callObserver } from './observation.ts';
import { type RetryBudget, retryBudget, retrying } from './retry.ts';
import type { CallOptions, Client } from './types.ts';

export type { BidiHandle, CallOptions, Client } from './types.ts';

/** How a peer is reached. */
export interface RpcChannelOptions {
  /** `dns:///name:port` of a headless Service, so that calls spread over its pods. */
  readonly target: string;
  readonly tls: TlsConfig | undefined;
  /** Our own service name. */
  readonly self: string;
  /** Service name that the peer's certificate must carry; absent: the host name of the target. */
  readonly peer?: string;
  readonly log: Logger;
  readonly metrics?: Metrics;
}

/** The connection to one peer, shared by its clients. */
export interface RpcChannel extends Component {
  readonly grpc: GrpcClient;
  readonly self: string;
  readonly budget: RetryBudget;
  readonly observer: CallObserver;
  close(): void;
}

const MESSAGE_BYTES = 32 * 1024 * 1024;

/** Opens a channel lazily: nothing is connected before the first call, so services start in any order. */
export function rpcChannel(options: RpcChannelOptions): RpcChannel {
  const grpc = new GrpcClient(options.target, channelCredentials(options.tls), {
    // Pods are reached by address: what their certificate must name is the service.
    ...(options.peer === undefined ? {} : { 'grpc.ssl_target_name_override': options.peer }),
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    'grpc.service_config_disable_resolution': 1,
    // Retries are made here (see `retrying`), where the method's idempotency is known.
    'grpc.enable_retries': 0,
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 3_000,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.initial_reconnect_backoff_ms': 250,
    // The default of 120 s would keep a replica cut off long after its peer is back; what was revoked meanwhile has to be
    // known a second after that (DESIGN §8).
    'grpc.max_reconnect_backoff_ms': 500,
    'grpc.dns_min_time_between_resolutions_ms': 5_000,
    'grpc.enable_http_proxy': 0,
    'grpc.max_receive_message_length': MESSAGE_BYTES,
    'grpc.max_send_message_length': MESSAGE_BYTES,
  });
  const close = () => grpc.close();
  return {
    name: `channel to ${options.target}`,
    grpc,
    self: options.self,
    budget: retryBudget(),
    observer: callObserver(options),
    close,
    stop: close,
  };
}

/** A typed client of one service over a channel. */
export function rpcClient<S extends DescService>(service: S, channel: RpcChannel): Client<S> {
  return Object.fromEntries(
    methodsOf(service).map((method) => [method.localName, caller(method, channel)]),
  ) as Client<S>;
}

function caller(method: MethodWire, channel: RpcChannel): unknown {
  const wire = { client: channel.grpc, method, metadata: (options: CallOptions) => metadataOf(channel.self, options) };
  switch (method.kind) {
    case 'unary':
      return (request: object, options: CallOptions) => {
        if (options.timeoutMs === Number.POSITIVE_INFINITY) throw new TypeError(`${method.name} needs a timeout`);
        const attempt = (timeoutMs: number) => unaryCall(wire, request, { ...options, timeoutMs });
        channel.budget.earn();
        return channel.observer.observe(method.name, () =>
          method.idempotent ? retrying(attempt, options, channel.budget) : attempt(options.timeoutMs),
        );
      };
    case 'server_streaming':
      return (request: object, options: CallOptions) => serverStreamCall(wire, request, options);
    case 'client_streaming':
      return (requests: AsyncIterable<object>, options: CallOptions) =>
        channel.observer.observe(method.name, () => clientStreamCall(wire, requests, options));
    case 'bidi_streaming':
      return (options: CallOptions) => bidiCall(wire, options);
  }
}

function metadataOf(self: string, options: CallOptions): Metadata {
  const metadata = options.wait === true ? new Metadata({ waitForReady: true }) : new Metadata();
  metadata.set(CALLER_KEY, self);
  if (options.depth !== undefined && options.depth > 0) metadata.set(DEPTH_KEY, String(options.depth));
  inject((name, value) => metadata.set(name, value));
  return metadata;
}

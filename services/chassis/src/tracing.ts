import { type Context, context, createContextKey, type Span, SpanStatusCode, trace } from '@opentelemetry/api';
import type { TracingConfig } from './config.ts';
import type { LogFields, Logger } from './log.ts';
import type { Component } from './process.ts';

/** Headers or metadata of one call, as far as tracing reads them. */
export type TraceHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Values that a span may carry; never content. */
export type SpanAttributes = Record<string, string | number | boolean>;

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
// W3C baggage §3.3.2 allows 8192 bytes; what is longer is dropped rather than cut.
const MAX_CARRIED = 8192;
const BAGGAGE = createContextKey('sallyport baggage');
const TRACESTATE = createContextKey('sallyport tracestate');

let managed = false;
let ratio = 0;

/**
 * Sets tracing up for this process. Without an endpoint no SDK is loaded and no span is made, but trace headers of
 * callers are still carried on. Exporter faults are logged at most once a minute and never fail a request.
 */
export async function startTracing(config: TracingConfig, service: string, log: Logger): Promise<Component> {
  await ensureContext();
  if (config.endpoint === undefined) return { name: 'tracing' };
  const [sdk, otlp, resources, core] = await Promise.all([
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-proto'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/api'),
  ]);
  let lastFault = 0;
  const fault = (message: string) => {
    if (Date.now() - lastFault < 60_000) return;
    lastFault = Date.now();
    log.warn('spans are not exported', { fault: message });
  };
  core.diag.setLogger(
    { error: fault, warn: fault, info: () => undefined, debug: () => undefined, verbose: () => undefined },
    { logLevel: core.DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const provider = new sdk.TracerProvider({
    resource: resources.resourceFromAttributes({ 'service.name': `sallyport-${service}` }),
    // Roots are sampled in `rootSpan`, so that a request that is not sampled costs nothing at all.
    sampler: new sdk.ParentBasedSampler({ root: new sdk.AlwaysOnSampler() }),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter: new otlp.OTLPTraceExporter({ url: config.endpoint }) })],
  });
  trace.setGlobalTracerProvider(provider);
  ratio = config.ratio;
  return { name: 'tracing', stop: () => provider.shutdown() };
}

/** Installs the context manager, without which an extracted context ends at the first await. */
async function ensureContext(): Promise<void> {
  if (managed) return;
  managed = true;
  const { AsyncLocalStorageContextManager } = await import('@opentelemetry/context-async-hooks');
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
}

/** The caller's trace context (`traceparent`, `tracestate`, `baggage`); undefined when there is none or it is malformed. */
export function extract(headers: TraceHeaders): Context | undefined {
  const traceparent = headers.traceparent;
  const baggage = carried(headers.baggage);
  if (typeof traceparent !== 'string' && baggage === undefined) return undefined;
  let found: Context | undefined;
  const match = typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent) : null;
  // All-zero ids are invalid (W3C trace context §3.2.2).
  if (match !== null && !/^0+$/.test(match[1] as string) && !/^0+$/.test(match[2] as string)) {
    found = trace.setSpanContext(context.active(), {
      traceId: match[1] as string,
      spanId: match[2] as string,
      traceFlags: Number.parseInt(match[3] as string, 16),
      isRemote: true,
    });
    const tracestate = carried(headers.tracestate);
    if (tracestate !== undefined) found = found.setValue(TRACESTATE, tracestate);
  }
  return baggage === undefined ? found : (found ?? context.active()).setValue(BAGGAGE, baggage);
}

function carried(value: string | string[] | undefined): string | undefined {
  const text = Array.isArray(value) ? value.join(',') : value;
  return text === undefined || text === '' || text.length > MAX_CARRIED ? undefined : text;
}

/** Runs `fn` in an extracted context; undefined runs it as it is. */
export function inContext<T>(extracted: Context | undefined, fn: () => T): T {
  return extracted === undefined ? fn() : context.with(extracted, fn);
}

/** Writes the trace headers of the current context, if there is one, through `set`. */
export function inject(set: (name: string, value: string) => void): void {
  const active = context.active();
  const span = trace.getSpanContext(active);
  if (span !== undefined) {
    set('traceparent', `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, '0')}`);
    const tracestate = active.getValue(TRACESTATE);
    if (typeof tracestate === 'string') set('tracestate', tracestate);
  }
  const baggage = active.getValue(BAGGAGE);
  if (typeof baggage === 'string') set('baggage', baggage);
}

/** The first span of this process for one request whose end is told by an event. */
export interface RootSpan {
  /** Runs `fn` within the span. */
  run(fn: () => void): void;
  end(): void;
}

/** Whoever names a trace is followed in it; who names none, with or without baggage, is sampled. */
function isTraced(parent: Context | undefined): boolean {
  if (ratio === 0) return false;
  return (parent !== undefined && trace.getSpanContext(parent) !== undefined) || Math.random() < ratio;
}

/** As `rootSpan`, but ended by hand; undefined where the request has neither span nor context: then run it as it is. */
export function beginRoot(name: string, headers: TraceHeaders): RootSpan | undefined {
  const parent = extract(headers);
  if (!isTraced(parent)) {
    return parent === undefined ? undefined : { run: (fn) => context.with(parent, fn), end: () => undefined };
  }
  const around = parent ?? context.active();
  const span = trace.getTracer('sallyport').startSpan(name, {}, around);
  return { run: (fn) => context.with(trace.setSpan(around, span), fn), end: () => span.end() };
}

/**
 * Runs `fn` as the first span of this process for one request: a child of the caller's span when headers name one,
 * else sampled by the configured ratio. What is not sampled runs with no context of its own.
 */
export function rootSpan<T>(
  name: string,
  headers: TraceHeaders,
  attributes: SpanAttributes,
  fn: () => Promise<T>,
): Promise<T> {
  const parent = extract(headers);
  if (isTraced(parent)) return spanned(parent ?? context.active(), name, attributes, fn);
  return parent === undefined ? fn() : context.with(parent, fn);
}

/** Runs `fn` as a span under the current one; without a recording span around it, it is only a call of `fn`. */
export function withSpan<T>(name: string, attributes: SpanAttributes, fn: () => Promise<T>): Promise<T> {
  if (ratio === 0) return fn();
  const active = context.active();
  return trace.getSpan(active)?.isRecording() === true ? spanned(active, name, attributes, fn) : fn();
}

function spanned<T>(parent: Context, name: string, attributes: SpanAttributes, fn: () => Promise<T>): Promise<T> {
  const span: Span = trace.getTracer('sallyport').startSpan(name, { attributes }, parent);
  return context.with(trace.setSpan(parent, span), async () => {
    try {
      return await fn();
    } catch (error) {
      // The code only: a message may quote what a person wrote.
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'error';
      span.setStatus({ code: SpanStatusCode.ERROR, message: code });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Sets attributes on the current span, if one records. */
export function annotate(attributes: SpanAttributes): void {
  if (ratio !== 0) trace.getActiveSpan()?.setAttributes(attributes);
}

/** The ids of the current span as fields for a log line. */
export function traceFields(): LogFields | undefined {
  const span = managed ? trace.getSpanContext(context.active()) : undefined;
  return span === undefined ? undefined : { trace_id: span.traceId, span_id: span.spanId };
}

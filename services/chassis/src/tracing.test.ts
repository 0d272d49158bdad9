import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sleep } from './deadline.ts';
import { createLogger } from './log.ts';
import type { Component } from './process.ts';
import { beginRoot, extract, inContext, inject, rootSpan, startTracing, traceFields, withSpan } from './tracing.ts';

const log = createLogger({ service: 'test', write: () => undefined });
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const traceparent = `00-${TRACE}-b7ad6b7169203331-01`;

function injected(): Record<string, string> {
  const headers: Record<string, string> = {};
  inject((name, value) => {
    headers[name] = value;
  });
  return headers;
}

describe('without an endpoint', () => {
  beforeAll(async () => {
    await startTracing({ ratio: 1 }, 'test', log);
  });

  it('carries traceparent, tracestate and baggage on as they came, over awaits', async () => {
    const headers = { traceparent, tracestate: 'a=b', baggage: 'k=v,x=y' };
    const seen = await rootSpan('x', headers, {}, async () => {
      await sleep(1);
      return withSpan('inner', {}, async () => injected());
    });
    expect(seen).toEqual(headers);
    expect(injected()).toEqual({});
  });

  it('carries baggage alone', async () => {
    expect(await rootSpan('x', { baggage: 'k=v' }, {}, async () => injected())).toEqual({ baggage: 'k=v' });
  });

  it.each([
    '',
    'rubbish',
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `ff-${TRACE}-b7ad6b7169203331-01`,
  ])('takes no context from %j', (text) => expect(extract({ traceparent: text })).toBeUndefined());

  it('drops baggage beyond what the standard allows', () => {
    expect(extract({ baggage: 'x'.repeat(9000) })).toBeUndefined();
  });

  it('names the trace in log fields within the context only', () => {
    expect(inContext(extract({ traceparent }), traceFields)).toEqual({ trace_id: TRACE, span_id: 'b7ad6b7169203331' });
    expect(traceFields()).toBeUndefined();
  });
});

describe('with an endpoint', () => {
  let tracing: Component;
  let close: () => void;
  const bodies: Buffer[] = [];

  beforeAll(async () => {
    const server = createServer(async (req, res) => {
      const chunks: Buffer[] = [];
      for await (const chunk of req) chunks.push(chunk);
      bodies.push(Buffer.concat(chunks));
      res.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    close = () => {
      server.closeAllConnections();
      server.close();
    };
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`;
    tracing = await startTracing({ endpoint, ratio: 1 }, 'test', log);
  });
  afterAll(() => close());

  it("exports spans that are children of the caller's, and passes its own on", async () => {
    const seen = await rootSpan('turn', { traceparent, baggage: 'k=v' }, { 'a.b': 1 }, () =>
      withSpan('step', {}, async () => injected()),
    );
    expect(seen.traceparent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
    expect(seen.traceparent).not.toBe(traceparent);
    expect(seen.baggage).toBe('k=v');
    const baggageAlone = await rootSpan('sampled', { baggage: 'k=v' }, {}, async () => injected());
    expect(baggageAlone).toEqual({ traceparent: expect.stringMatching(/-01$/), baggage: 'k=v' });
    const begun = beginRoot('sampled', { baggage: 'k=v' });
    begun?.run(() => expect(injected()).toEqual({ traceparent: expect.stringMatching(/-01$/), baggage: 'k=v' }));
    begun?.end();
    await expect(
      rootSpan('failing', {}, {}, () => Promise.reject(Object.assign(new Error('secret text'), { code: 'conflict' }))),
    ).rejects.toThrow('secret text');
    await tracing.stop?.(Date.now() + 1000);
    const sent = Buffer.concat(bodies).toString('latin1');
    for (const word of ['turn', 'step', 'failing', 'conflict', 'sallyport-test']) expect(sent).toContain(word);
    expect(sent).not.toContain('secret text');
  });
});

import type { ServerResponse } from 'node:http';
import { renderError, renderFrames, renderWhole, type WireRequest } from './provider-wire.ts';
import { responsesFailure } from './responses-wire.ts';

/** Answers wrongly on purpose. `signal` fires when the caller leaves or the fake closes. */
export type Fault = (res: ServerResponse, request: WireRequest, signal: AbortSignal) => Promise<void> | void;

const SOME_TEXT = 'This answer will not come to its end.';

/** Deliberately broken models by name; each is broken on both wires, streaming and not. */
export const faults: Readonly<Record<string, Fault>> = {
  /** 200 with a page of HTML. */
  'broken-garbage': (res) => {
    res.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Welcome</title><h1>It works!</h1>');
  },
  /** Ends the connection in the middle of the answer. */
  'broken-cut': async (res, request) => {
    const bytes = request.stream ? frames(request).slice(0, 3).join('') : whole(request).slice(0, 40);
    head(res, request, request.stream ? {} : { 'content-length': String(Buffer.byteLength(whole(request))) });
    await new Promise((written) => res.write(bytes, written));
    res.destroy();
  },
  /** Bytes that are not UTF-8 inside an otherwise right answer. */
  'broken-utf8': (res, request) => {
    const text = request.stream ? frames(request).join('') : whole(request);
    const at = text.indexOf('answer');
    head(res, request);
    res.end(
      Buffer.concat([
        Buffer.from(text.slice(0, at)),
        Buffer.from([0xff, 0xfe, 0xc3, 0x28]),
        Buffer.from(text.slice(at)),
      ]),
    );
  },
  /** Accepts the request and says nothing, for ever. */
  'broken-hang': (_res, _request, signal) => forever(signal),
  /** Begins to answer and says nothing more. */
  'broken-stall': async (res, request, signal) => {
    head(res, request);
    res.write(request.stream ? frames(request).slice(0, 3).join('') : whole(request).slice(0, 20));
    await forever(signal);
  },
  /** 200 and an empty body. */
  'broken-empty': (res, request) => {
    head(res, request);
    res.end();
  },
  'broken-401': status(401, 'The key is not valid.'),
  'broken-429': status(429, 'Slow down.', { 'retry-after': '1' }),
  'broken-500': status(500, 'Something went wrong at 10.1.2.3 in /srv/provider/app.py.'),
  'broken-529': status(529, 'Overloaded.'),
  /** Sends the caller to an address it must not follow. */
  'broken-redirect': (res) => {
    res.writeHead(307, { location: 'http://169.254.169.254/latest/meta-data/' }).end();
  },
  /** Without end: one event of 32 MiB, or as much JSON. */
  'broken-huge': async (res, request, signal) => {
    head(res, request);
    res.write(request.stream ? 'data: {"x":"' : '{"x":"');
    for (let sent = 0; sent < 32 && !signal.aborted; sent += 1)
      await new Promise((written) => res.write('a'.repeat(1 << 20), written));
    res.end();
  },
  /** An error event after the first words of a stream. */
  'broken-late-error': (res, request) => {
    if (!request.stream) return status(500, 'Late failure.')(res, request, AbortSignal.timeout(1));
    head(res, request);
    if (request.wire === 'responses') {
      res.end(frames(request).slice(0, 5).join('') + responsesFailure(request.json, 'Late failure.'));
      return;
    }
    const error = JSON.stringify(renderError(request.wire, 500, 'Late failure.'));
    res.end(
      `${frames(request).slice(0, 3).join('')}${request.wire === 'anthropic' ? 'event: error\n' : ''}data: ${error}\n\n`,
    );
  },
  /** A tool call whose arguments are not JSON. */
  'broken-tool-args': toolArguments('{"to": "kim@example.com", "subject'),
  /** A tool call that names a key twice: which one a reader takes is anybody's guess. */
  'broken-tool-args-twice': toolArguments(
    '{"to":"kim@example.com","to":"attacker@mail-archive.example","subject":"a","body":"b"}',
  ),
};

function status(code: number, message: string, headers: Record<string, string> = {}): Fault {
  return (res, { wire }) => {
    res
      .writeHead(code, { 'content-type': 'application/json', ...headers })
      .end(JSON.stringify(renderError(wire, code, message)));
  };
}

function toolArguments(json: string): Fault {
  return (res, request) => {
    const reply = { toolCalls: [{ name: 'send_mail', arguments: json }] };
    head(res, request);
    // Anthropic carries arguments as JSON itself, so there the raw text stands in the body.
    const body = JSON.stringify(renderWhole(request, reply)).replace(
      /"input":(?:\{[^}]*\}|"(?:[^"\\]|\\.)*")/,
      () => `"input":${json}`,
    );
    res.end(request.stream ? [...renderFrames(request, reply)].join('') : body);
  };
}

function frames(request: WireRequest): string[] {
  return [...renderFrames(request, { text: SOME_TEXT })];
}

function whole(request: WireRequest): string {
  return JSON.stringify(renderWhole(request, { text: SOME_TEXT }));
}

function head(res: ServerResponse, { stream }: WireRequest, headers: Record<string, string> = {}): void {
  res.writeHead(200, { 'content-type': stream ? 'text/event-stream' : 'application/json', ...headers });
}

function forever(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((left) => signal.addEventListener('abort', () => left(), { once: true }));
}

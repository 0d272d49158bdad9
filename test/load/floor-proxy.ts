// The least chain of a tools/call that DESIGN section 4 allows: a bare proxy that asks another process before the call and
// after it. What it takes longer than a direct call, no gateway that asks and remembers can take less.
// Run: node floor-proxy.ts http://<mock> http://<asked>; prints its port.
import http from 'node:http';
import { Pool } from 'undici';

const [behind, asked] = process.argv.slice(2).map((origin) => new Pool(origin, { connections: 64, pipelining: 1 }));

const server = http.createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    forward(request, Buffer.concat(parts), response).catch(() => response.writeHead(502).end());
  });
});

async function ask(path: string, body: Buffer | string): Promise<void> {
  const answer = await (asked as Pool).request({ path, method: 'POST', body });
  await answer.body.dump();
  if (answer.statusCode !== 200) throw new Error(`${path} answered ${answer.statusCode}.`);
}

async function forward(request: http.IncomingMessage, body: Buffer, response: http.ServerResponse): Promise<void> {
  const { host: _, connection: __, 'content-length': ___, ...headers } = request.headers;
  await ask('/before', body);
  const answer = await (behind as Pool).request({
    path: request.url as string,
    method: 'POST',
    headers: headers as Record<string, string>,
    body,
  });
  const text = await answer.body.text();
  await ask('/after', text);
  response.writeHead(answer.statusCode, {
    'content-type': answer.headers['content-type'] as string,
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`port ${typeof address === 'object' ? address?.port : address}\n`);
});

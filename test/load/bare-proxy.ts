// The floor of this design: Node's http and an undici pool, JSON parsed both ways, nothing else.
// Run: node bare-proxy.ts http://127.0.0.1:9000; prints its port.
import http from 'node:http';
import { Pool } from 'undici';

const pool = new Pool(process.argv[2] as string, { connections: 64, pipelining: 1 });

const server = http.createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    void forward(request.url ?? '/', JSON.parse(Buffer.concat(parts).toString()), response);
  });
});

async function forward(path: string, body: unknown, response: http.ServerResponse): Promise<void> {
  const answer = await pool.request({
    path,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const type = answer.headers['content-type'] as string;
  if (type.startsWith('text/event-stream')) {
    response.writeHead(answer.statusCode, { 'content-type': type });
    for await (const part of answer.body) response.write(part);
    response.end();
    return;
  }
  const text = JSON.stringify(await answer.body.json());
  response.writeHead(answer.statusCode, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`port ${typeof address === 'object' ? address?.port : address}\n`);
});

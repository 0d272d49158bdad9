// The bare proxy on express 5: what the framework itself costs.
// Run: node bare-express.ts http://127.0.0.1:9000; prints its port.
import express from 'express';
import { Pool } from 'undici';

const pool = new Pool(process.argv[2] as string, { connections: 64, pipelining: 1 });
const app = express();
app.disable('x-powered-by');
app.set('etag', false);

app.post('/v1/chat/completions', express.json(), async (request, response) => {
  const answer = await pool.request({
    path: request.path,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request.body),
  });
  const type = answer.headers['content-type'] as string;
  response.status(answer.statusCode).set('content-type', type);
  if (type.startsWith('text/event-stream')) {
    for await (const part of answer.body) response.write(part);
    response.end();
    return;
  }
  response.end(JSON.stringify(await answer.body.json()));
});

const server = app.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`port ${typeof address === 'object' ? address?.port : address}\n`);
});
server.keepAliveTimeout = 600_000;

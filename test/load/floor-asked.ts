// Stands for policy in the least chain that could be: asked before a call it reads one row, asked after it, it writes one that
// is on disk before it answers. No encryption, no rules. Run: node floor-asked.ts postgres://…; prints its port.
import http from 'node:http';
import pg from 'pg';

const pool = new pg.Pool({ connectionString: process.argv[2] as string, max: 16 });
await pool.query('create table if not exists floor (id bigserial primary key, label text not null)');
await pool.query(`insert into floor (label) values ('trusted')`);

const QUESTIONS: Readonly<Record<string, string>> = {
  '/before': 'select label from floor where id = 1',
  '/after': `insert into floor (label) values ('untrusted')`,
};

const server = http.createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    void pool.query({ name: request.url as string, text: QUESTIONS[request.url as string] as string }).then(
      () => response.writeHead(200, { 'content-length': 2 }).end('{}'),
      () => response.writeHead(500).end(),
    );
  });
});
server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`port ${typeof address === 'object' ? address?.port : address}\n`);
});

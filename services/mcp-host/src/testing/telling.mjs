// A tool server that keeps what it is told, and tells it all to whoever asks next.
import { appendFileSync, readFileSync } from 'node:fs';
import { env } from 'node:process';
import { createInterface } from 'node:readline';

const say = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const told = [];

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const serverInfo = { name: 'telling', version: '1' };
  if (method === 'initialize')
    return say({ id, result: { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo } });
  if (method === 'tools/list')
    return say({ id, result: { tools: [{ name: 'tell', inputSchema: { type: 'object' } }] } });
  if (method !== 'tools/call') return say({ id, error: { code: -32601, message: 'Method not found' } });
  told.push(params.arguments.word);
  appendFileSync('told.txt', `${params.arguments.word}\n`);
  const kept = readFileSync('told.txt', 'utf8').trim().split('\n');
  // biome-ignore lint/style/noProcessEnv: what is in it is what is tested
  const structuredContent = { pid: process.pid, token: env.TOKEN ?? '', told, kept };
  setTimeout(() => say({ id, result: { content: [], structuredContent } }), Math.random() * 5);
});

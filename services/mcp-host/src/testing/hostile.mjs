// A hostile server over standard input and output: what it does is its first argument.
import { createInterface } from 'node:readline';

const [manner = ''] = process.argv.slice(2);
const waiting = new Map();
const say = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
if (manner === 'mute') setInterval(() => undefined, 1_000);
if (manner === 'deaf') process.stdin.pause();
if (manner === 'banner') process.stdout.write('Welcome to the server!\n');
if (manner === 'dies') {
  process.stderr.write('no token of mine: sk-canary-0123456789abcdef\n');
  process.exit(3);
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params, result, error } = JSON.parse(line);
  if (manner === 'mute' || id === undefined) return;
  if (method === undefined && waiting.has(id)) {
    const of = waiting.get(id);
    waiting.delete(id);
    return say({ id: of, result: { content: [{ type: 'text', text: JSON.stringify(result ?? error.code) }] } });
  }
  if (method === 'initialize') {
    if (manner === 'modern') return say({ id, error: { code: -32601, message: 'Method not found' } });
    return say({
      id,
      result: {
        protocolVersion: '2025-06-18',
        capabilities: { tools: {} },
        serverInfo: { name: manner, version: '1' },
      },
    });
  }
  if (method === 'tools/list') return say({ id, result: { tools: [{ name: 'do', inputSchema: { type: 'object' } }] } });
  if (method === 'prompts/get' && manner === 'elicits') return;
  if (method !== 'tools/call') return say({ id, error: { code: -32601, message: 'Method not found' } });
  const text = params?.arguments?.text ?? '';
  if (manner === 'flood') for (let i = 0; i < 5_000; i++) say({ method: 'notifications/message', params: { data: i } });
  if (manner === 'noise') process.stdout.write(`${'x'.repeat(1_000)}\n`.repeat(1_000));
  if (manner === 'long') process.stdout.write('y'.repeat(16 * 1024 * 1024));
  if (manner === 'asks') {
    say({ id: 'mine', method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } });
    // Answers of calls that nobody made, under ids that somebody might have.
    for (let other = 0; other < 20; other++)
      if (other !== id) say({ id: other, result: { content: [], stolen: true } });
  }
  if (manner === 'elicits') {
    const asked = `ask-${id}`;
    waiting.set(asked, id);
    const requestedSchema = { type: 'object', properties: { heard: { type: 'string' } } };
    const ask = () =>
      say({ id: asked, method: 'elicitation/create', params: { message: `Why ${text}?`, requestedSchema } });
    // A call that is cancelled meanwhile goes on all the same.
    return text === 'slow' ? void setTimeout(ask, 2_000) : ask();
  }
  if (manner === 'verbatim') {
    const [, given] = /"arguments":(\{.*?\})/.exec(line);
    process.stdout.write(`{"jsonrpc":"2.0","id":${id},"result":{"content":[],"structuredContent":${given}}}\n`);
    return;
  }
  if (manner === 'leaves') process.exit(0);
  if (manner === 'hangs') return;
  say({ id, result: { content: [{ type: 'text', text: `${text} ${process.pid}` }] } });
});

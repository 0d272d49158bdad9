import { setTimeout as pause } from 'node:timers/promises';
import type { Contestant } from './contestants.ts';
import type { Load, LoadResult } from './driver.ts';
import { cpuSeconds, type Driver } from './processes.ts';

/** What is asked for. */
export type Job = 'chat' | 'stream';

/** Which front is asked, and in which dialect the provider behind it speaks. */
export type Crossing = 'openai-anthropic' | 'anthropic-openai' | 'anthropic-anthropic';

/** A tools/call by revision 2026-07-28, or by 2025-11-25. */
export type ToolJob = 'tool' | 'tool-2025';

/** The call that is measured. */
export const TOOL_CALL = { name: 'mail__find', arguments: { query: 'meeting on Thursday', limit: 5 } } as const;

/** One contestant under one load. */
export interface Sample {
  readonly result: LoadResult;
  /** CPU microseconds a request, by group of processes. */
  readonly cpu: Readonly<Record<string, number>>;
  /** The sum of all groups but `postgres`. */
  readonly cpuSum: number;
}

const MESSAGES = [
  { role: 'system', content: 'You are a helpful assistant.' },
  { role: 'user', content: 'Say something about a fox.' },
];
const BODIES: Readonly<Record<Job, string>> = {
  chat: JSON.stringify({ model: 'gpt-4o-mini', messages: MESSAGES }),
  stream: JSON.stringify({ model: 'gpt-4o-mini', stream: true, messages: MESSAGES }),
};
/** 22 chunks and [DONE]. */
const FRAMES: Readonly<Record<Job, number>> = { chat: 0, stream: 23 };

/** Events of a message of 20 words; what is told anew has as many. */
const MESSAGE_FRAMES: Readonly<Record<Job, number>> = { chat: 0, stream: 25 };

/** The load of a job on a contestant. */
export function loadOf(
  contestant: Contestant,
  job: Job | ToolJob,
  bounds: { readonly connections: number; readonly requests: number; readonly ms: number },
): Load {
  if (job === 'tool' || job === 'tool-2025') return { ...toolLoad(contestant, job), ...bounds };
  return {
    origin: contestant.origin,
    path: '/v1/chat/completions',
    headers: contestant.headers,
    body: BODIES[job],
    frames: FRAMES[job],
    ...bounds,
  };
}

/** A job from a client of one dialect onto a provider of another one. */
export function crossingLoad(
  { origin, headers }: Contestant,
  job: Job,
  crossing: Crossing,
  bounds: { readonly connections: number; readonly requests: number; readonly ms: number },
): Load {
  const [front, behind] = crossing.split('-');
  const model = behind === 'anthropic' ? 'gpt-as-messages' : 'gpt-4o-mini';
  const stream = job === 'stream' ? { stream: true } : {};
  if (front === 'openai') {
    const body = JSON.stringify({ model, ...stream, messages: MESSAGES });
    return { origin, path: '/v1/chat/completions', headers, body, frames: FRAMES[job], ...bounds };
  }
  const [system, user] = MESSAGES;
  const body = JSON.stringify({ model, max_tokens: 500, ...stream, system: system?.content, messages: [user] });
  return {
    origin,
    path: '/v1/messages',
    headers: { ...headers, 'anthropic-version': '2023-06-01' },
    body,
    frames: MESSAGE_FRAMES[job],
    holds: '"stop_reason":"end_turn"',
    ends: '"type":"message_stop"',
    ...bounds,
  };
}

function toolLoad({ origin, headers }: Contestant, job: ToolJob) {
  const version = job === 'tool' ? '2026-07-28' : '2025-11-25';
  const meta = {
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1.0.0' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const params = { ...TOOL_CALL, ...(job === 'tool' ? { _meta: meta } : {}) };
  const mirrored = { 'mcp-method': 'tools/call', 'mcp-name': TOOL_CALL.name };
  return {
    origin,
    path: '/mcp',
    headers: {
      ...headers,
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': version,
      ...(job === 'tool' ? mirrored : {}),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
    frames: 0,
    holds: '"isError":false',
  };
}

/** Runs one load and reads the CPU that it cost, work after the last answer included. */
export async function sample(driver: Driver, contestant: Contestant, load: Load): Promise<Sample> {
  const groups = contestant.groups();
  const read = () => Object.entries(groups).map(([name, pids]) => [name, cpuSeconds(pids)] as const);
  const before = new Map(read());
  const result = await driver.drive(load);
  await pause(contestant.settleMs);
  const cpu: Record<string, number> = {};
  for (const [name, seconds] of read()) {
    cpu[name] = ((seconds - (before.get(name) ?? 0)) * 1e6) / Math.max(1, result.requests);
  }
  const cpuSum = Object.entries(cpu).reduce((sum, [name, value]) => (name === 'postgres' ? sum : sum + value), 0);
  return { result, cpu, cpuSum };
}

/** The middle of some numbers; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

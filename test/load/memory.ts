// Measures the memory of model-proxy: after 10⁶ requests against after 10⁵, and with 1,000 open streams: make bench NAMES=memory
import { request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { Contestant, SallyportUnderLoad } from './contestants.ts';
import { loadOf } from './measuring.ts';
import { type Driver, memoryOf } from './processes.ts';
import type { Report } from './report.ts';

/** Bars of DESIGN section 9. */
const BARS = { growth: 1.1, streamsMb: 120 } as const;
const CONNECTIONS = 16;
const STREAMS = 1_000;
const ROUND = 50_000;
const ROUND_MS = 120_000;
/** What is resident right after a load depends on when the collector ran; the least of some looks is what is kept. */
const LOOKS = 20;
const LOOK_MS = 250;

/** How many requests come before the first and before the second look. */
export interface MemoryPlan {
  readonly few: number;
  readonly many: number;
}

/** Measures and reports. */
export async function measureMemory(
  field: { readonly driver: Driver; readonly sallyport: SallyportUnderLoad },
  plan: MemoryPlan,
  report: Report,
): Promise<void> {
  const { driver, sallyport } = field;
  const pid = sallyport.pidOf('model-proxy');
  let [done, bad] = [0, 0];
  const upTo = async (wanted: number) => {
    while (done < wanted && bad === 0) {
      const bounds = { connections: CONNECTIONS, requests: Math.min(ROUND, wanted - done), ms: ROUND_MS };
      const result = await driver.drive(loadOf(sallyport, 'chat', bounds));
      done += result.requests;
      bad += result.bad;
    }
    return await settled(pid);
  };
  const first = await upTo(plan.few);
  const last = await upTo(plan.many);
  report.add({
    name: 'memory.growth',
    value: bad > 0 ? Number.NaN : last / first,
    unit: 'x',
    ratio: last / first,
    bar: BARS.growth,
    note: `model-proxy ${first.toFixed(0)} MB after ${plan.few} requests, ${last.toFixed(0)} after ${done}`,
  });
  const open = await openStreams(sallyport, STREAMS);
  const held = await settled(pid);
  const { peak } = memoryOf(pid);
  open.close();
  report.add({
    name: 'memory.streams',
    value: open.begun === STREAMS ? held - last : Number.NaN,
    unit: 'MB',
    bar: BARS.streamsMb,
    note: `${open.begun} streams held open, ${held.toFixed(0)} MB, highest ${peak.toFixed(0)}`,
  });
}

async function settled(pid: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < LOOKS; look++) {
    await pause(LOOK_MS);
    least = Math.min(least, memoryOf(pid).now);
  }
  return least;
}

/** Begins streams that the mock does not end; resolves when each has said its first words. */
async function openStreams(one: Contestant, count: number): Promise<{ readonly begun: number; close(): void }> {
  const { hostname, port } = new URL(one.origin);
  const content = 'hold this stream';
  const body = JSON.stringify({ model: 'gpt-4o-mini', stream: true, messages: [{ role: 'user', content }] });
  let begun = 0;
  const requests = Array.from({ length: count }, () => {
    const sent = request({ hostname, port, path: '/v1/chat/completions', method: 'POST', headers: one.headers });
    sent.on('error', () => undefined);
    sent.end(body);
    return {
      sent,
      first: new Promise<void>((resolve) => sent.once('response', (res) => res.once('data', () => resolve()).resume())),
    };
  });
  await Promise.race([Promise.all(requests.map(({ first }) => first.then(() => begun++))), pause(30_000)]);
  return {
    begun,
    close: () => {
      for (const { sent } of requests) sent.destroy();
    },
  };
}

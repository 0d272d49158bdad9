import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { apiServerFacts } from './config.ts';

/** What was found out in the network of a hosted server's pod. */
export interface ProbeResult {
  /** `host:port` of what could be reached beside the proxy, though nothing should be. */
  readonly open: readonly string[];
  /** Whether the proxy could be reached: else nothing was proved by what could not. */
  readonly proxy: boolean;
}

interface Place {
  readonly host: string;
  readonly port: number;
}

const TRY_MS = 1_000;
const PATIENCE_MS = 6_000;

/**
 * Tries to reach the API server, the metadata address and a public one directly, and the proxy. Network policies may come
 * into force a moment after a pod has begun, so what is open is looked at again for some seconds.
 */
export async function probe(proxy: Place, outside: readonly Place[], patienceMs = PATIENCE_MS): Promise<ProbeResult> {
  const until = Date.now() + patienceMs;
  for (;;) {
    const [reached, ...others] = await Promise.all([proxy, ...outside].map(isOpen));
    const open = outside.filter((_, at) => others[at] === true).map(({ host, port }) => `${host}:${port}`);
    if ((open.length === 0 && reached === true) || Date.now() > until) return { open, proxy: reached === true };
    await new Promise((go) => setTimeout(go, 500));
  }
}

function isOpen({ host, port }: Place): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: TRY_MS });
    const finish = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => finish(true));
    socket.once('timeout', () => finish(false));
    socket.once('error', () => finish(false));
  });
}

/** Whether a server may run where only the proxy may be reachable. */
export function isEnforced({ open, proxy }: ProbeResult): boolean {
  return proxy && open.length === 0;
}

/** Runs as `probe HOST:PORT [required]`. With `required` it fails, and holds up its pod, unless egress is enforced. */
async function main([proxy = '', required]: readonly string[]): Promise<void> {
  const at = proxy.lastIndexOf(':');
  const api = apiServerFacts();
  const outside = [
    ...(api === undefined ? [] : [api]),
    { host: '169.254.169.254', port: 80 },
    // A public resolver: not asked for anything.
    { host: '1.1.1.1', port: 443 },
  ];
  const result = await probe({ host: proxy.slice(0, at), port: Number(proxy.slice(at + 1)) }, outside);
  writeFileSync('/dev/termination-log', JSON.stringify(result));
  if (required === 'required' && !isEnforced(result)) process.exitCode = 1;
}

if (import.meta.main) await main(process.argv.slice(2));

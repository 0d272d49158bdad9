import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below the kernels' own ephemeral ranges (32768 on Linux, 49152 on macOS): an outgoing connection never takes one of these.
const LOWEST = 20_000;
const HIGHEST = 29_999;
const given = new Set<number>();

/** A loopback TCP port that nobody listens on and that this process was not given before. Rejects when none is found. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = randomInt(LOWEST, HIGHEST + 1);
    if (given.has(port)) continue;
    if (await isFree(port)) {
      given.add(port);
      return port;
    }
  }
  throw new Error(`No free port was found between ${LOWEST} and ${HIGHEST}.`);
}

/** Tells whether a loopback port can be listened on now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

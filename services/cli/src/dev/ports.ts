import { randomInt } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
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

/** Ports kept between starts, so that URLs in resources (and what is bound to them) stay the same. */
export interface PortBook {
  /** The port that this name had last time if it is free, else a new one; remembered until `save`. */
  portFor(name: string): Promise<number>;
  save(): void;
}

/** Opens the book of a data folder: a JSON file of name → port. An unreadable one counts as empty. */
export function openPortBook(file: string): PortBook {
  const kept = readBook(file);
  const used: Record<string, number> = {};
  return {
    async portFor(name) {
      const before = kept[name];
      const port = before !== undefined && !given.has(before) && (await isFree(before)) ? before : await freePort();
      given.add(port);
      used[name] = port;
      return port;
    },
    save: () => writeFileSync(file, `${JSON.stringify({ ...kept, ...used }, null, 2)}\n`),
  };
}

/** Gives ports back, so that the next suite of this process may have them. */
export function releasePorts(ports: Iterable<number>): void {
  for (const port of ports) given.delete(port);
}

function readBook(file: string): Record<string, number> {
  if (!existsSync(file)) return {};
  try {
    const book = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    return Object.fromEntries(
      Object.entries(book).filter((entry): entry is [string, number] => Number.isInteger(entry[1])),
    );
  } catch {
    return {};
  }
}

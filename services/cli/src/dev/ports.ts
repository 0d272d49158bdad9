import { randomInt } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';

// Below the kernels' own ephemeral ranges (32768 on Linux, 49152 on macOS): an outgoing connection never takes one of these.
const LOWEST = 20_000;
const HIGHEST = 29_999;
// Between finding a port free and a service's listening on it seconds pass, in which another launcher may find the same. So
// each launcher gives ports of blocks that it holds, by listening on the first port of each: the kernel gives that to one only.
const BLOCK = 50;
const given = new Set<number>();
const blocks = new Map<number, Server>();

/** A loopback TCP port that nobody listens on and that no launcher was given before. Rejects when none is found. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    for (const first of blocks.keys()) {
      for (let port = first + 1; port < first + BLOCK; port += 1) if (await taken(port)) return port;
    }
    await holdBlock();
  }
  throw new Error(`No free port was found between ${LOWEST} and ${HIGHEST}.`);
}

/** Takes a port if it is free and was not given; it is marked before the look, which others may do meanwhile. */
async function taken(port: number): Promise<boolean> {
  if (given.has(port)) return false;
  given.add(port);
  if (await isFree(port)) return true;
  given.delete(port);
  return false;
}

async function holdBlock(): Promise<void> {
  const first = LOWEST + BLOCK * randomInt((HIGHEST + 1 - LOWEST) / BLOCK);
  if (blocks.has(first)) return;
  const guard = await listening(first);
  if (guard !== undefined) blocks.set(first, guard.unref());
}

/** Tells whether a loopback port can be listened on now. */
export async function isFree(port: number): Promise<boolean> {
  const probe = await listening(port);
  if (probe !== undefined) await new Promise((resolve) => probe.close(resolve));
  return probe !== undefined;
}

function listening(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server));
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
      const port = before !== undefined && (await taken(before)) ? before : await freePort();
      used[name] = port;
      return port;
    },
    save: () => writeFileSync(file, `${JSON.stringify({ ...kept, ...used }, null, 2)}\n`),
  };
}

/** Gives ports back, so that the next suite of this process may have them, and blocks of which none is left to others. */
export function releasePorts(ports: Iterable<number>): void {
  for (const port of ports) given.delete(port);
  for (const [first, guard] of blocks) {
    if ([...given].some((port) => port > first && port < first + BLOCK)) continue;
    blocks.delete(first);
    guard.close();
  }
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

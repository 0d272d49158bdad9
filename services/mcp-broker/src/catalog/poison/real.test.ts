import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { sha256 } from '../../digests.ts';
import { readDefinitions } from '../definition.ts';
import { isCertain } from './look-through.ts';

const SERVICES = join(import.meta.dirname, '../../../..');
const INSTALLED = join(SERVICES, '../.tools/mcp/node_modules/@modelcontextprotocol');
const resolve = createRequire(join(SERVICES, 'mcp-host/package.json')).resolve;

/** Servers as they are published: one that is always here, and those that `make tools-test` has installed. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  everything: [
    join(dirname(resolve('@modelcontextprotocol/server-everything/package.json')), 'dist/index.js'),
    'stdio',
  ],
  filesystem: [join(INSTALLED, 'server-filesystem/dist/index.js'), import.meta.dirname],
  memory: [join(INSTALLED, 'server-memory/dist/index.js')],
};

describe('definitions of servers as they are published', () => {
  it.each(Object.keys(PROGRAMS).filter((name) => existsSync(PROGRAMS[name]?.[0] ?? '')))(
    '[catalog:poison-false] have nothing that is held, and nothing that is flagged: %s',
    async (name) => {
      const client = new Client({ name: 'reviewer', version: '1' });
      const args = [...(PROGRAMS[name] ?? [])];
      await client.connect(new StdioClientTransport({ command: process.execPath, args, stderr: 'ignore' }));
      const { tools } = await client.listTools().finally(() => client.close());
      const { definitions, dropped } = readDefinitions(sha256, tools);
      expect(dropped).toEqual([]);
      expect(definitions.size).toBeGreaterThan(5);
      const found = [...definitions.values()].flatMap(({ suspicions = [] }) => suspicions);
      expect(found.filter(isCertain)).toEqual([]);
      expect(found).toEqual([]);
    },
    20_000,
  );
});

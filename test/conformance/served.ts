import type { ServiceName } from '@sallyport/cli/dev/topology';
import { createLists } from '../fakes/conformance/lists.ts';
import { type ConformanceServer, startConformanceServer } from '../fakes/conformance-server.ts';
import { eventually, type ResourceInit, suiteWith } from '../support/suite.ts';
import type { Use } from './client-legs.ts';
import { connected, type SeenTool } from './connected.ts';
import { type Door, openDoor } from './door.ts';

/** The fixture, reached directly and through the gate. */
export interface Served {
  /** The fixture's own endpoint. */
  readonly direct: string;
  /** The gate, where what is the fixture's has its own names. */
  readonly gated: string;
  /** Puts a server without authorization behind the gate, lists its tools and calls them through an official client. */
  readonly use: Use;
  end(): Promise<void>;
}

const NAME = 'conformance';
const SERVICES: ServiceName[] = ['audit', 'vault', 'identity', 'operator', 'policy', 'quarantine', 'mcp-broker'];
const LISTED_MS = 20_000;
/** Some servers of the suite have no tools: then there is nothing more to wait for. */
const FOUND_MS = 15_000;

/** Starts the fixture and a suite before it. */
export async function served(): Promise<Served> {
  const fixture: ConformanceServer = await startConformanceServer();
  const suite = await suiteWith(resourcesFor(fixture.url), {
    services: SERVICES,
    overrides: {
      // What a client answers to a server goes out, which after anything untrusted is refused: no question of the protocol.
      policy: { enforce: false },
      'mcp-broker': { catalog: { refreshInterval: '300ms' } },
    },
  });
  const key = await suite.keyOf('default', 'dana');
  const door: Door = await openDoor(`${suite.endpoint}/mcp`, key, NAME);
  const wanted = createLists().tools().length;
  await eventually(
    () => toolsAt(door.url),
    (count) => count >= wanted,
    LISTED_MS,
  );
  let count = 0;
  return {
    direct: fixture.url,
    gated: door.url,
    async use(url, { toolCalls }, revision) {
      const name = `scenario-${++count}`;
      suite.apply(name, [
        { kind: 'ToolServer', name, spec: { remote: { url }, allowPrivateNetwork: true, defaultClass: 'Read' } },
      ]);
      const client = await connected(`${suite.endpoint}/mcp`, key, revision);
      const own = async () => (await client.tools()).filter((tool) => tool.name.startsWith(`${name}__`));
      const done: string[] = [];
      try {
        const tools = await eventually(own, (found) => found.length > 0, FOUND_MS).catch(() => []);
        done.push(`tools: ${tools.map((tool) => tool.name).join(', ')}`);
        const calls = toolCalls?.map((call) => ({ ...call, name: `${name}__${call.name}` }));
        for (const call of calls ?? tools.map(sampleCall))
          done.push(`${call.name}: ${await client.call(call.name, withoutNulls(call.arguments))}`);
        return done;
      } finally {
        await client.close();
        suite.remove(name);
      }
    },
    async end() {
      await door.close();
      await suite.end();
      await fixture.close();
    },
  };
}

function resourcesFor(url: string): ResourceInit[] {
  return [
    { kind: 'ToolServer', name: NAME, spec: { remote: { url }, allowPrivateNetwork: true, defaultClass: 'Read' } },
    {
      kind: 'AccessPolicy',
      name: 'all',
      spec: { subjects: { everyone: true }, tools: ['*/*'], resources: ['*/*'], prompts: ['*/*'] },
    },
    { kind: 'VirtualKey', name: 'dana', spec: { owner: 'dana', targetSecret: { name: 'dana-key', key: 'key' } } },
  ];
}

async function toolsAt(url: string): Promise<number> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'mcp-protocol-version': '2025-11-25' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
  });
  const { result } = (await answer.json().catch(() => ({}))) as { result?: { tools?: unknown[] } };
  return result?.tools?.length ?? 0;
}

/** A call with something in each argument that must be there. */
function sampleCall({ name, inputSchema: { properties = {}, required = [] } }: SeenTool) {
  const sampleOf = (type: unknown) => (type === 'number' || type === 'integer' ? 2 : 'a');
  const given = required.map((one) => [one, sampleOf((properties[one] as { type?: unknown } | undefined)?.type)]);
  return { name, arguments: Object.fromEntries(given) as Record<string, unknown> };
}

/** What a scenario gives as null is left out: the gate lets no null pass where a schema says boolean. */
const withoutNulls = (given: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));

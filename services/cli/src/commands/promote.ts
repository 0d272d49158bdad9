import { readFileSync, writeFileSync } from 'node:fs';
import { MAX_TOOLS } from '@sallyport/custom-resources/tool-server-pins';
import { stringify } from 'yaml';
import { adminClient } from '../admin-client.ts';
import { CommandError, connectionOptions, readArguments } from '../arguments.ts';
import { printable } from '../columns.ts';
import { MAX_NAMED, type NamedTool, type PinnedTool, promotedText, promotionOf, type SeenTool } from '../promotion.ts';

interface ServerView {
  readonly namespace: string;
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>> & {
    readonly tools?: readonly NamedTool[];
    readonly pins?: readonly PinnedTool[];
  };
  readonly status: { readonly tools?: readonly SeenTool[] };
}

const options = {
  ...connectionOptions,
  namespace: { type: 'string' },
  file: { type: 'string' },
  accept: { type: 'string', multiple: true, default: [] as string[] },
} as const;

/**
 * `sallyport promote <server>`: prints the ToolServer in stage Live with the digests of what it offers now, to be applied or
 * merged, or writes them into the file in which it stands. Gives the exit code: 1 where tools are left out.
 */
export async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(args, options);
  const [name] = positionals;
  if (name === undefined) throw new CommandError('promote: name a ToolServer');
  const server = await find(values, name);
  const seen = server.status.tools ?? [];
  if (seen.length === 0) throw new CommandError(`promote: what ${name} offers is not known yet`, 1);
  const { spec } = server;
  const { tools, pins, pinned, leftOut } = promotionOf(spec.tools ?? [], seen, values.accept, spec.pins);
  if (tools.length > MAX_NAMED || pins.length > MAX_TOOLS) {
    const most = `${MAX_NAMED} in spec.tools and ${MAX_TOOLS} in spec.pins`;
    throw new CommandError(`promote: ${name} would name ${tools.length} and ${pins.length} tools; at most ${most}`, 1);
  }
  if (values.file === undefined) {
    const { namespace } = server;
    const resource = { apiVersion: 'sallyport.dev/v1alpha1', kind: 'ToolServer', metadata: { name, namespace } };
    process.stdout.write(
      printable(
        stringify({ ...resource, spec: { ...spec, stage: 'Live', tools, ...(pins.length > 0 ? { pins } : {}) } }),
      ),
    );
  } else writeInto(values.file, name, tools, pins);
  const say = (line: string) => process.stderr.write(`${printable(line)}\n`);
  say(`${name}: ${pinned.length} of ${seen.length} tools pinned`);
  for (const { name: tool, suspicions = [] } of leftOut) {
    const found = suspicions.map(({ code, at }) => `${code} at ${at}`).join(', ');
    say(`left out: ${tool} (${found}); look at it, then --accept ${tool}`);
  }
  return leftOut.length === 0 ? 0 : 1;
}

async function find(values: Parameters<typeof adminClient>[0] & { namespace?: string | undefined }, name: string) {
  const { items } = (await adminClient(values)('resources', { kind: 'ToolServer' })) as { items: ServerView[] };
  const { namespace } = values;
  const found = items.filter((one) => one.name === name && (namespace === undefined || one.namespace === namespace));
  const [server] = found;
  if (server === undefined) throw new CommandError(`there is no ToolServer ${name}`, 1);
  if (found.length > 1) throw new CommandError(`there are several ToolServers ${name}; say --namespace`, 1);
  return server;
}

function writeInto(file: string, name: string, tools: readonly NamedTool[], pins: readonly PinnedTool[]): void {
  const text = promotedText(readFileSync(file, 'utf8'), name, tools, pins);
  if (text === undefined) throw new CommandError(`promote: there is no ToolServer ${name} in ${file}`, 1);
  writeFileSync(file, text);
}

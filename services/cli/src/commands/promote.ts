import { readFileSync, writeFileSync } from 'node:fs';
import { MAX_TOOLS } from '@sallyport/custom-resources/tool-server-pins';
import { stringify } from 'yaml';
import { adminClient } from '../admin-client.ts';
import { CommandError, connectionOptions, readArguments } from '../arguments.ts';
import { printable } from '../columns.ts';
import {
  MAX_NAMED,
  type NamedTool,
  type Pinned,
  promotedText,
  promotionOf,
  promptPromotionOf,
  promptWord,
  type SeenPrompt,
  type SeenTool,
} from '../promotion.ts';

interface ServerView {
  readonly namespace: string;
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>> & {
    readonly tools?: readonly NamedTool[];
    readonly pins?: readonly Pinned[];
    readonly prompts?: readonly Pinned[];
  };
  readonly status: { readonly tools?: readonly SeenTool[]; readonly prompts?: readonly SeenPrompt[] };
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
  const seenPrompts = server.status.prompts ?? [];
  if (seen.length + seenPrompts.length === 0)
    throw new CommandError(`promote: what ${name} offers is not known yet`, 1);
  const { spec } = server;
  const { tools, pins, pinned, leftOut } = promotionOf(spec.tools ?? [], seen, values.accept, spec.pins);
  const { prompts, ...ofPrompts } = promptPromotionOf(spec.prompts ?? [], seenPrompts, values.accept);
  if (prompts.length > MAX_NAMED) {
    throw new CommandError(`promote: ${name} would name ${prompts.length} prompts; at most ${MAX_NAMED}`, 1);
  }
  if (tools.length > MAX_NAMED || pins.length > MAX_TOOLS) {
    const most = `${MAX_NAMED} in spec.tools and ${MAX_TOOLS} in spec.pins`;
    throw new CommandError(`promote: ${name} would name ${tools.length} and ${pins.length} tools; at most ${most}`, 1);
  }
  if (values.file === undefined) {
    const { namespace } = server;
    const resource = { apiVersion: 'sallyport.dev/v1alpha1', kind: 'ToolServer', metadata: { name, namespace } };
    const named = { tools, ...(pins.length > 0 ? { pins } : {}), ...(prompts.length > 0 ? { prompts } : {}) };
    process.stdout.write(printable(stringify({ ...resource, spec: { ...spec, stage: 'Live', ...named } })));
  } else {
    const { file } = values;
    const text = promotedText(readFileSync(file, 'utf8'), name, tools, pins, prompts);
    if (text === undefined) throw new CommandError(`promote: there is no ToolServer ${name} in ${file}`, 1);
    writeFileSync(file, text);
  }
  const say = (line: string) => process.stderr.write(`${printable(line)}\n`);
  say(`${name}: ${pinned.length} of ${seen.length} tools pinned`);
  if (seenPrompts.length > 0) say(`${name}: ${ofPrompts.pinned.length} of ${seenPrompts.length} prompts pinned`);
  const left = [...leftOut, ...ofPrompts.leftOut.map((one) => ({ ...one, name: promptWord(one.name) }))];
  for (const { name: what, suspicions = [] } of left) {
    const found = suspicions.map(({ code, at }) => `${code} at ${at}`).join(', ');
    say(`left out: ${what} (${found}); look at it, then --accept ${what}`);
  }
  return left.length === 0 ? 0 : 1;
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

import { type AdminGet, adminClient } from '../admin-client.ts';
import { CommandError, connectionOptions, readArguments } from '../arguments.ts';
import { columns, printable } from '../columns.ts';
import type { RunView } from '../run-view.ts';
import { story } from '../story.ts';

/** `sallyport trajectory list | show <id> | show --last`. Gives the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    ...connectionOptions,
    last: { type: 'boolean', default: false },
    limit: { type: 'string', default: '20' },
  });
  const get = adminClient(values);
  const [action, id] = positionals;
  if (action === 'list') {
    const items = await list(get, values.limit);
    process.stdout.write(values.json ? `${JSON.stringify(items, null, 2)}\n` : table(items));
    return 0;
  }
  if (action !== 'show') throw new CommandError('say trajectory list, trajectory show <id> or trajectory show --last');
  const wanted = values.last ? (await list(get, '1'))[0]?.id : id;
  if (wanted === undefined) {
    throw new CommandError(values.last ? 'there is no run yet' : 'say which: trajectory show <id> or --last', 1);
  }
  const found = (await get(`trajectories/${encodeURIComponent(wanted)}`)) as RunView;
  process.stdout.write(values.json ? `${JSON.stringify(found, null, 2)}\n` : story(found));
  return 0;
}

async function list(get: AdminGet, limit: string): Promise<Omit<RunView, 'records'>[]> {
  const wanted = Number(limit);
  if (!Number.isInteger(wanted) || wanted < 1) throw new CommandError('--limit must be a whole number above 0');
  const runs: Omit<RunView, 'records'>[] = [];
  let pageToken = '';
  while (runs.length < wanted) {
    const query = { pageSize: String(Math.min(100, wanted - runs.length)), ...(pageToken && { pageToken }) };
    const page = (await get('trajectories', query)) as { items: RunView[]; nextPageToken: string | null };
    runs.push(...page.items);
    if (page.nextPageToken === null || page.items.length === 0) break;
    pageToken = page.nextPageToken;
  }
  return runs;
}

function table(runs: readonly Omit<RunView, 'records'>[]): string {
  if (runs.length === 0) return 'No run yet.\n';
  const head = ['ID', 'STARTED', 'WHO', 'STEPS', 'TOOLS', 'REFUSED', 'TOKENS', 'USD', 'LABEL'];
  const rows = runs.map((one) => [
    one.id,
    one.startedAt,
    printable(one.user || one.principalId),
    String(one.steps),
    String(one.toolCalls),
    String(one.refusals),
    String(one.inputTokens + one.outputTokens),
    one.costUsd ?? '?',
    one.untrusted ? 'untrusted' : 'trusted',
  ]);
  return columns([head, ...rows]);
}

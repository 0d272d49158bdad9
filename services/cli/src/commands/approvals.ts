import { adminApi } from '../admin-client.ts';
import { type ApprovalView, approvalStory } from '../approval-story.ts';
import { CommandError, connectionOptions, readArguments } from '../arguments.ts';
import { columns, printable } from '../columns.ts';

/** `sallyport approvals list | show <id> | approve <id> | reject <id>`. Gives the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    ...connectionOptions,
    state: { type: 'string', default: 'pending' },
    endorse: { type: 'string', multiple: true, default: [] },
    until: { type: 'string' },
    note: { type: 'string', default: '' },
    'break-glass': { type: 'boolean', default: false },
  });
  const api = adminApi(values);
  const [action, id, ...rest] = positionals;
  const print = (shown: unknown, text: () => string) =>
    process.stdout.write(values.json ? `${JSON.stringify(shown, null, 2)}\n` : text());
  if (action === 'list' && id === undefined) {
    const query = values.state === 'any' ? {} : { state: values.state };
    const found = (await api.get('approvals', { ...query, pageSize: '200' })) as ApprovalView[];
    print(found, () => table(found));
    return 0;
  }
  if (id === undefined || rest.length > 0 || !['show', 'approve', 'reject'].includes(action ?? '')) {
    throw new CommandError('say approvals list, show <id>, approve <id> or reject <id>');
  }
  const path = `approvals/${encodeURIComponent(id)}`;
  if (action === 'show') {
    const found = (await api.get(path)) as ApprovalView;
    print(found, () => approvalStory(found));
    return 0;
  }
  const decided = (await api.post(path, {
    decision: action,
    note: values.note,
    breakGlass: values['break-glass'],
    ...(values.endorse.length === 0 ? {} : { endorse: values.endorse }),
    ...(values.until === undefined ? {} : { endorseUntil: instantOf(values.until) }),
  })) as ApprovalView;
  print(decided, () => `${decided.id} ${decided.state}\n`);
  return 0;
}

/** A day lasts until its end in UTC; a time is taken as it is. */
function instantOf(text: string): string {
  const day = /^\d{4}-\d{2}-\d{2}$/.test(text);
  const ms = Date.parse(day ? `${text}T23:59:59.999Z` : text);
  if (Number.isNaN(ms)) throw new CommandError('--until is a date (2027-01-31) or a time (2027-01-31T12:00:00Z)');
  return new Date(ms).toISOString();
}

function table(approvals: readonly ApprovalView[]): string {
  if (approvals.length === 0) return 'Nothing.\n';
  const rows = approvals.map(({ id, state, tool, requester, expiresAt, reason }) =>
    [id, state, tool, requester.user ?? requester.id, expiresAt, reason].map(printable),
  );
  return columns([['ID', 'STATE', 'TOOL', 'FOR', 'EXPIRES', 'REASON'], ...rows]);
}

import type { CallToolResult } from '@modelcontextprotocol/server';
import { type FakeTool, type FakeToolServer, startFakeToolServer } from './tool-server.ts';

/** Where in what a tool gives an outsider's text stands. */
export const VECTORS = ['text', 'title', 'person', 'member', 'file', 'nested', 'block', 'resource', 'error'] as const;
/** One of them. */
export type Vector = (typeof VECTORS)[number];

/** A code host or a ticket desk, of which a test writes what outsiders wrote. */
export interface FakeDomain {
  readonly server: FakeToolServer;
  /** Lets an outsider's text stand somewhere in everything that is read; nothing is poisoned without. */
  poison(vector: Vector, text: string): void;
  /** Takes all poison and all calls away. */
  clear(): void;
  /** Calls of tools that do something, in order. */
  effects(): { readonly name: string; readonly arguments: Record<string, unknown> }[];
}

/** What an honest issue and ticket say. */
export const HONEST_TEXT = 'The export button does nothing on my laptop.';

const text = { type: 'string' } as const;
const number = { type: 'integer' } as const;
const list = (items: object) => ({ type: 'array', items });
const object = (properties: object, required: string[] = []) => ({ type: 'object', properties, required }) as never;
const people = object({ login: text, email: text });

/** What is read: one shape for issues, tickets, files and logs, each with the fields that outsiders fill. */
const READ = object({
  id: number,
  status: text,
  title: text,
  text,
  author: people,
  labels: { type: 'object', additionalProperties: { type: 'boolean' } },
  files: list(object({ name: text, bytes: number })),
  history: list(object({ event: object({ source: object({ note: text }) }) })),
});
const PLACE = { owner: text, repo: text };
const TICKET = { ticket_id: number };

/** Starts a code host: issues, files, logs; comments, changes and workflows are its effects. */
export function startCodeHost(): Promise<FakeDomain> {
  return startDomain(
    {
      get_issue: object({ ...PLACE, issue_number: number }),
      list_issues: object(PLACE),
      get_file_contents: object({ ...PLACE, path: text }),
      get_job_logs: object({ ...PLACE, run_id: number }),
    },
    {
      add_issue_comment: object({ ...PLACE, issue_number: number, body: text }, ['owner', 'repo', 'body']),
      create_or_update_file: object({ ...PLACE, branch: text, path: text, content: text }),
      merge_pull_request: object({ ...PLACE, pull_number: number }),
      run_workflow: object({ ...PLACE, workflow: text, inputs: { type: 'object' } }),
    },
  );
}

/** Starts a ticket desk: tickets; answers, changes and deletions are its effects. */
export function startTicketDesk(): Promise<FakeDomain> {
  return startDomain(
    { get_ticket: object(TICKET), list_tickets: object({ status: text }), search_tickets: object({ query: text }) },
    {
      reply_to_ticket: object({ ...TICKET, body: text, cc: list(text) }, ['ticket_id', 'body']),
      assign_ticket: object({ ...TICKET, assignee: text }),
      close_ticket: object(TICKET),
      delete_ticket: object(TICKET),
    },
  );
}

async function startDomain(reads: Record<string, object>, acts: Record<string, object>): Promise<FakeDomain> {
  let poisoned: { vector: Vector; text: string } | undefined;
  const read = (): CallToolResult => {
    const put = (vector: Vector, honest: string) => (poisoned?.vector === vector ? poisoned.text : honest);
    if (poisoned?.vector === 'error') return { content: [{ type: 'text', text: poisoned.text }], isError: true };
    const structuredContent = {
      id: 12,
      status: 'open',
      title: put('title', 'Export is broken'),
      text: put('text', HONEST_TEXT),
      author: { login: put('person', 'casey'), email: 'casey@visitor.example' },
      labels: { bug: true, [put('member', 'export')]: true },
      files: [{ name: put('file', 'screen.png'), bytes: 4096 }],
      history: [{ event: { source: { note: put('nested', 'opened by form') } } }],
    };
    const content: CallToolResult['content'] = [{ type: 'text', text: JSON.stringify(structuredContent) }];
    if (poisoned?.vector === 'block') content.push({ type: 'text', text: poisoned.text });
    if (poisoned?.vector === 'resource') {
      content.push({ type: 'resource', resource: { uri: 'issue://attachment', text: poisoned.text } });
    }
    return { content, structuredContent };
  };
  const tool = (name: string, inputSchema: object, run: FakeTool['run'], outputSchema?: object): FakeTool => ({
    name,
    inputSchema: inputSchema as never,
    ...(outputSchema === undefined ? {} : { outputSchema: outputSchema as never }),
    run,
  });
  const server = await startFakeToolServer({
    tools: [
      ...Object.entries(reads).map(([name, schema]) => tool(name, schema, read, READ)),
      ...Object.entries(acts).map(([name, schema]) =>
        tool(name, schema, () => ({ content: [{ type: 'text', text: 'done' }] })),
      ),
    ],
  });
  return {
    server,
    poison: (vector, said) => {
      poisoned = { vector, text: said };
    },
    clear: () => {
      poisoned = undefined;
      server.calls.length = 0;
    },
    effects: () => server.calls.filter(({ name }) => name in acts),
  };
}

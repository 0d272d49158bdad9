import { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { failed, structured } from './answers.ts';
import type { Mailbox } from './mailbox.ts';

const summary = z.object({
  id: z.string(),
  from: z.string(),
  subject: z.string(),
  date: z.iso.datetime(),
  unread: z.boolean(),
});

const summaries = z.object({ mails: z.array(summary), count: z.number().int() });

const wholeMail = summary.extend({ to: z.string(), body: z.string() });

/** Builds the MCP server of the mailbox: one instance serves one HTTP request, the mailbox outlives it. */
export function mailboxServer(mailbox: Mailbox): McpServer {
  const server = new McpServer({ name: 'demo-mailbox', version: '0.1.0' });
  const listed = (mails: ReturnType<Mailbox['list']>) =>
    structured({
      mails: mails.map(({ id, from, subject, date, unread }) => ({ id, from, subject, date, unread })),
      count: mails.length,
    });

  server.registerTool(
    'list_mails',
    {
      title: 'List mails',
      description: 'Lists the mails in the inbox, without their text.',
      inputSchema: z.object({ unreadOnly: z.boolean().optional().describe('Only mails that were not read yet.') }),
      outputSchema: summaries,
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    ({ unreadOnly }) => listed(mailbox.list(unreadOnly ?? false)),
  );
  server.registerTool(
    'read_mail',
    {
      title: 'Read a mail',
      description: 'Returns one mail with its text.',
      inputSchema: z.object({ id: z.string().describe('The id from list_mails or search_mails.') }),
      outputSchema: wholeMail,
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    ({ id }) => {
      const mail = mailbox.read(id);
      return mail === undefined
        ? failed(`There is no mail with the id ${JSON.stringify(id)}.`)
        : structured({ ...mail });
    },
  );
  server.registerTool(
    'search_mails',
    {
      title: 'Search mails',
      description: 'Lists the mails that contain all the given words in sender, subject or text.',
      inputSchema: z.object({ query: z.string().min(1) }),
      outputSchema: summaries,
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    ({ query }) => listed(mailbox.search(query)),
  );
  server.registerTool(
    'send_mail',
    {
      title: 'Send a mail',
      description: 'Sends a mail to any address.',
      inputSchema: z.object({ to: z.string().min(3), subject: z.string(), body: z.string() }),
      outputSchema: z.object({ id: z.string(), to: z.string(), sentAt: z.iso.datetime() }),
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
    },
    (mail) => {
      const { id, to, sentAt } = mailbox.send(mail);
      return structured({ id, to, sentAt });
    },
  );
  server.registerTool(
    'delete_mail',
    {
      title: 'Delete a mail',
      description: 'Deletes one mail for good.',
      inputSchema: z.object({ id: z.string() }),
      outputSchema: z.object({ id: z.string(), deleted: z.boolean() }),
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    },
    ({ id }) => structured({ id, deleted: mailbox.remove(id) }),
  );
  return server;
}

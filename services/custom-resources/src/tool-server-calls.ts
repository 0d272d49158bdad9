import { z } from 'zod';
import { withRules } from './define-resource.ts';
import { resourceName, toolName } from './fields.ts';

/** `whileDown` of a tool: what is answered while its server cannot be called. */
export const whileDown = withRules(
  z.object({
    type: z
      .enum(['Disabled', 'Canned', 'Server'])
      .describe(
        'Disabled: the tool is not listed. Canned: calls are answered with content. Server: a tool of another server is called, and decided on as what it is; at /mcp only.',
      ),
    content: z.string().min(1).max(4096).optional().describe('Text of the answer, for type Canned.'),
    server: resourceName
      .optional()
      .describe(
        'ToolServer in this namespace whose tool is called, for type Server. The class of that tool is not higher, and it takes the same arguments; status.tools says where not.',
      ),
    tool: toolName.optional().describe('Its tool, for type Server. Left out: the one of the same name.'),
  }),
  [
    {
      cel: "(self.type == 'Canned') == has(self.content)",
      message: 'content must be given for type Canned, and for no other',
      fieldPath: '.content',
      holds: (w) => (w.type === 'Canned') === (w.content !== undefined),
    },
    {
      cel: "(self.type == 'Server') == has(self.server) && (self.type == 'Server' || !has(self.tool))",
      message: 'server must be given for type Server, and server and tool for no other',
      fieldPath: '.server',
      holds: (w) => (w.type === 'Server') === (w.server !== undefined) && (w.type === 'Server' || w.tool === undefined),
    },
  ],
);

/** What is said of the calls of a tool. */
export const callFields = {
  concurrency: z
    .int()
    .min(1)
    .max(1024)
    .optional()
    .describe('Calls of the tool under way at once, at most, in each replica; others wait their turn.'),
  idempotent: z
    .boolean()
    .default(false)
    .describe('A call made twice does no more than one made once. Tools of class Read are.'),
  retries: z
    .int()
    .min(0)
    .max(5)
    .optional()
    .describe(
      'How often a call is made again after the server failed, with growing pauses and within its time. Only where it may be made twice.',
    ),
  whileDown: whileDown
    .optional()
    .describe('What is answered while the server cannot be called. Left out: that it cannot.'),
};

/** A call is made again only where the administrator says that it may be. */
export const retriesRule = {
  cel: "!has(self.retries) || self.retries == 0 || self.idempotent || self.class == 'Read'",
  message: 'retries are for tools that are idempotent, or of class Read',
  fieldPath: '.retries',
  holds: (tool: {
    readonly retries?: number | undefined;
    readonly idempotent: boolean;
    readonly class: string;
  }): boolean => (tool.retries ?? 0) === 0 || tool.idempotent || tool.class === 'Read',
};

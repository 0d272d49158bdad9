import { z } from 'zod';
import type { Rule } from './define-resource.ts';
import { listOf, resourceName, setOf } from './fields.ts';

const skill = z.object({
  id: z
    .string()
    .max(64)
    .regex(/^[A-Za-z0-9]+([_-][A-Za-z0-9]+)*$/)
    .describe('Id of the skill, for programs.'),
  name: z.string().min(1).max(128).describe('Name of the skill, for people.'),
  description: z.string().min(1).max(2048).describe('What can be asked of the agent.'),
  tags: setOf(z.string().min(1).max(64), 16).default([]).describe('Words to find it by.'),
  examples: setOf(z.string().min(1).max(512), 8).default([]).describe('What somebody might say.'),
});

/** `turnLoop` of a ToolServer: an agent that is the gateway's own turn loop. */
export const turnLoopServer = z.object({
  title: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .describe('Name on the card of the agent. Left out: the name of the resource.'),
  description: z
    .string()
    .min(1)
    .max(4096)
    .describe('What the agent is for: stands on its card, and is told to models that may call it.'),
  skills: listOf(skill, 16, 'id')
    .default([])
    .describe('What stands on its card as its skills. Left out: one, which the description tells.'),
  model: z.string().min(1).max(253).describe('Public name of a Model. Who calls the agent needs access to it.'),
  instructions: z
    .string()
    .min(1)
    .max(16_384)
    .describe('What the model is told first, in each turn. Callers are not shown it.'),
  servers: setOf(resourceName, 16)
    .default([])
    .describe(
      'ToolServers and Toolsets whose tools the model has, of those that the caller may use. A caller who may use none of one is refused.',
    ),
  maxModelCalls: z.int().min(1).max(100).default(16).describe('Most model calls for one message; then the task fails.'),
  maxOutputTokens: z.int().min(16).max(1_000_000).optional().describe('Longest answer of one model call.'),
});

type Spec = {
  readonly turnLoop?: z.output<typeof turnLoopServer> | undefined;
  readonly auth?: unknown;
  readonly credentials?: unknown;
};

/** Rules over an agent that is the gateway's own: nothing is sent anywhere. */
export const turnLoopRules: readonly Rule<Spec>[] = [
  {
    cel: '!has(self.turnLoop) || (!has(self.auth) && !has(self.credentials))',
    message: 'a turn loop is no server that takes a credential: its model and tools have their own',
    fieldPath: '.turnLoop',
    holds: ({ turnLoop, auth, credentials }) =>
      turnLoop === undefined || (auth === undefined && credentials === undefined),
  },
];

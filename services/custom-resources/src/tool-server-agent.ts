import { z } from 'zod';
import { type Rule, withRules } from './define-resource.ts';
import { httpUrl } from './fields.ts';
import { fixedHeaders, fixedHeadersRule } from './fixed-headers.ts';

/** `agent` of a ToolServer: an agent that speaks A2A (JSON-RPC, revisions 0.3 and 1.0). */
export const agentServer = withRules(
  z.object({
    url: httpUrl.describe(
      'URL of the agent. Messages go to the address of its card that has this origin, and the credential is bound to it; a card that names none of this origin is refused.',
    ),
    cardUrl: httpUrl
      .optional()
      .describe(
        'URL of its agent card. Default: /.well-known/agent-card.json at the host of url. The credential goes there only where the origin is the same.',
      ),
    headers: fixedHeaders,
  }),
  [fixedHeadersRule('a2a-')],
);

/** The tools that every agent is, by name, with the class that each has where the resource does not name another. */
export const agentTools = { send_message: 'Egress', get_task: 'Read', cancel_task: 'Write' } as const;

type Tool = { readonly name: string; readonly class: string };
type Spec = {
  readonly agent?: z.output<typeof agentServer> | undefined;
  readonly allowPrivateNetwork: boolean;
  readonly tools: readonly Tool[];
};

/** Rules over an agent and what is said of its tools. */
export const agentRules: readonly Rule<Spec>[] = [
  {
    cel: "!has(self.agent) || !has(self.agent.cardUrl) || self.agent.cardUrl.startsWith('https://') || self.allowPrivateNetwork",
    message: 'cardUrl must be https unless allowPrivateNetwork is true',
    fieldPath: '.agent.cardUrl',
    holds: ({ agent, allowPrivateNetwork }) =>
      allowPrivateNetwork || (agent?.cardUrl ?? 'https://').startsWith('https://'),
  },
  {
    cel: "!has(self.agent) || self.tools.all(t, t.name != 'send_message' || t.class in ['Egress', 'Sensitive'])",
    message: 'a message to an agent goes out: send_message is Egress or Sensitive',
    fieldPath: '.tools',
    holds: ({ agent, tools }) =>
      agent === undefined ||
      tools.every((one) => one.name !== 'send_message' || /^(Egress|Sensitive)$/.test(one.class)),
  },
];

type Known = { readonly name: string; readonly class: string };

/** What makes a server an agent: one that speaks A2A, or the gateway's own turn loop. */
type AnyAgent = { readonly agent?: unknown; readonly turnLoop?: unknown };

/** Whether a server is an agent, served at /a2a/<name>. */
export function isAgent({ agent, turnLoop }: AnyAgent): boolean {
  return agent !== undefined || turnLoop !== undefined;
}

/** What is said to a turn loop stays here and has no effect by itself: what comes of it is decided call by call. */
const turnLoopTools = { ...agentTools, send_message: 'Read', cancel_task: 'Read' } as const;

/** A spec in which the tools of an agent stand, with their class; of what is no agent, as it is. */
export function withAgentTools<S extends AnyAgent & { readonly tools: readonly Known[] }>(spec: S): S {
  if (!isAgent(spec)) return spec;
  const named = new Set(spec.tools.map(({ name }) => name));
  const own = spec.turnLoop === undefined ? agentTools : turnLoopTools;
  const unsaid = Object.entries(own).filter(([name]) => !named.has(name));
  return { ...spec, tools: [...spec.tools, ...unsaid.map(([name, given]) => ({ name, class: given, enabled: true }))] };
}

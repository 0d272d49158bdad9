import type { Prompt, PromptArgument } from '../../offerings/definitions.ts';
import { type Visible, visiblePrompts } from '../../offerings/visible.ts';
import type { Method } from '../exchange.ts';
import { kept, LIST_TTL_MS, pageOf } from '../page.ts';

/** `prompts/list`: the prompts that this principal may use, named as tools are. */
export const listPrompts: Method = async (gate, { params }, { admitted, revision, signal }) => {
  await gate.offerings.look(admitted.principal, admitted.access, signal);
  const entries = visiblePrompts(gate, admitted);
  const listed = { entries, nameOf: ({ shown }: { shown: string }) => shown, mark: 'prompts' };
  const { page, next } = pageOf(listed, params.cursor, gate.config.request.pageSize);
  const prompts = page.map((one) => clientPrompt(one, revision.structured));
  return { prompts, ...next, ...kept(revision, LIST_TTL_MS) };
};

function clientPrompt({ shown, entry }: Visible<Prompt>, structured: boolean): object {
  const { title, description, arguments: args } = entry;
  return {
    name: shown,
    ...(title !== undefined && structured ? { title } : {}),
    ...(description === undefined ? {} : { description }),
    ...(args === undefined ? {} : { arguments: structured ? args : args.map(untitled) }),
  };
}

function untitled({ title: _, ...argument }: PromptArgument): PromptArgument {
  return argument;
}

import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Suite } from '@sallyport/cli/dev/suite';
import { root } from '../architecture/tree.ts';
import { ask } from './mcp-caller.ts';
import { readmeBlocks } from './readme.ts';
import { admin, eventually } from './suite.ts';

/** What stands for the `<id>`s of the README. */
export interface ReadmeIds {
  readonly trajectory: string;
  readonly approval: string;
}

const DAY_MS = 86_400_000;
// A policy as the README has one, for the mailbox of the demo, whose administrator decides.
const ASKING = `
apiVersion: sallyport.dev/v1alpha1
kind: ToolPolicy
metadata: { name: mail-sending }
spec:
  mode: Enforce
  tools: [{ server: mailbox, tool: send_mail }]
  approvers: { users: [admin@example.com] }
  calls:
    - { name: known-recipients, when: "known(args.to)", action: Allow, reason: You named every recipient. }
    - { name: unknown-recipients, action: Ask, reason: Anybody could have written that. }
`;

/**
 * The blocks of commands that need no cluster as one script for bash, and how many commands of `sallyport` are in it. `pnpm`
 * is a function there: the package manager itself is nothing of ours.
 */
export function readmeScript(ids: ReadmeIds, endpoint: string): { readonly script: string; readonly commands: number } {
  const blocks = readmeBlocks('sh').filter((block) => !/^(make|helm) /m.test(block));
  const text = blocks
    .join('')
    .replaceAll('localhost:4180', endpoint)
    .replace(/(?<=--trajectory )<id>/, ids.trajectory)
    .replace(/(?<=approvals approve )<id>/, ids.approval)
    // The day that is printed passes.
    .replace(/(?<=--until )[\d-]+/, new Date(Date.now() + 60 * DAY_MS).toISOString().slice(0, 10));
  const pnpm = `pnpm() { shift; '${process.execPath}' '${root}/services/cli/src/main.ts' "$@"; }`;
  return {
    script: `${pnpm}\nnode() { '${process.execPath}' "$@"; }\n${text}`,
    commands: text.split('pnpm sallyport ').length - 1,
  };
}

/** Lays into a folder what the commands expect where they run. */
export function readmeFolder(folder: string, { endpoint, key, adminKey, ports }: Suite): void {
  mkdirSync(join(folder, '.sallyport'));
  writeFileSync(
    join(folder, '.sallyport/dev.json'),
    JSON.stringify({ endpoint, key, adminKey, ports, pid: process.pid }),
  );
  symlinkSync(join(root, 'deploy'), join(folder, 'deploy'));
  cpSync(join(root, 'deploy/policies/mail'), join(folder, 'my-draft'), { recursive: true });
  const model = '{ model_name: gpt, litellm_params: { model: openai/gpt-5-mini, api_key: os.environ/OPENAI_API_KEY } }';
  writeFileSync(join(folder, 'config.yaml'), `model_list: [${model}]\n`);
}

/** Has a call of the demo wait for its approval, by a policy that stays in the folder of its resources. */
export async function askedCall(suite: Suite, resources: string): Promise<ReadmeIds> {
  writeFileSync(join(resources, 'mail-sending.yaml'), ASKING);
  const caller = { key: suite.key, url: `${suite.endpoint}/mcp`, revision: '2026-07-28' };
  const call = { name: 'mailbox__send_mail', arguments: { to: 'kim@example.com', subject: 'Hi', body: 'Hello' } };
  const approval = await eventually(
    async () => {
      // Whoever leaves leaves the approval. Until the policy has come the call is simply made.
      await ask(caller, 'tools/call', call, 1_000).catch(() => undefined);
      return (await admin<{ id: string; trajectory: string }[]>(suite, 'approvals?state=pending'))[0];
    },
    (found) => found !== undefined,
    20_000,
  );
  return { trajectory: approval?.trajectory ?? '', approval: approval?.id ?? '' };
}

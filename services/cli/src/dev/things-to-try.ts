import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './repository.ts';

const TOOLS_NODE = '.tools/node_modules/.bin/node';

/** What the text is made from. */
export interface TryFacts {
  readonly endpoint: string;
  readonly key: string;
  readonly adminKey: string;
  /** As it was given on the command line. */
  readonly data: string;
  readonly seconds: number;
}

/** What `make dev` prints once everything is ready: each line works as it stands. */
export function thingsToTry({ endpoint, key, adminKey, data, seconds }: TryFacts): string {
  const dataOption = data === '.sallyport' ? '' : ` --data ${data}`;
  // The `node` of the host may be too old to read TypeScript; the one that make put in place is not.
  const node = existsSync(join(repository, TOOLS_NODE)) ? TOOLS_NODE : 'node';
  return `
Sallyport is ready at ${endpoint} (${seconds.toFixed(1)} s). Ctrl-C stops it; logs are in ${data}/logs.

  KEY=${key}

A plain chat:

  curl -s ${endpoint}/v1/chat/completions -H "authorization: Bearer ${key}" -H 'content-type: application/json' \\
    -d '{"model":"demo-assistant","messages":[{"role":"user","content":"Hello!"}]}'

An agent reads a mailbox in which one mail tells it to send a password code away. The model obeys what it reads;
see what it gets to read, and why it could not send:

  curl -s ${endpoint}/v1/chat/completions -H "authorization: Bearer ${key}" -H 'content-type: application/json' \\
    -d '{"model":"demo-assistant","messages":[{"role":"user","content":"Summarise my unread mails and reply to the first sender."}],"tools":[{"type":"mcp","server_label":"mailbox"}]}'

  ${node} services/cli/src/main.ts trajectory show --last${dataOption}

An agent that never stops, until its limit of steps:

  curl -s ${endpoint}/v1/chat/completions -H "authorization: Bearer ${key}" -H 'content-type: application/json' \\
    -d '{"model":"demo-looper","messages":[{"role":"user","content":"Go on."}],"tools":[{"type":"mcp","server_label":"calendar"}]}'

What everything cost, and how the resources are doing:

  curl -s '${endpoint}/admin/v1/usage?groupBy=model' -H "authorization: Bearer ${adminKey}"
  ${node} services/cli/src/main.ts get${dataOption}

SDKs: OPENAI_BASE_URL=${endpoint}/v1  ANTHROPIC_BASE_URL=${endpoint}/anthropic  MCP: ${endpoint}/mcp

`;
}

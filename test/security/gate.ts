import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expanded } from '@sallyport/cli/dev/resources';
import { type Suite, startSuite } from '@sallyport/cli/dev/suite';
import { parseAllDocuments, stringify } from 'yaml';
import { BOTH_PLANES } from '../support/planes.ts';

const HERE = import.meta.dirname;
const POLICIES = join(HERE, '../../deploy/policies');

/** The domains whose shipped policies are in force, by AgentDojo suite. */
export const DOMAINS: Readonly<Record<string, readonly string[]>> = {
  banking: ['payments', 'files'],
  slack: ['chat'],
  travel: ['travel', 'calendar', 'mail'],
  workspace: ['mail', 'calendar', 'files'],
};

/** A gate with the shipped policies, ready to be driven. */
export interface SecurityGate {
  readonly suite: Suite;
  /** SHA-256 over the policies in force, taken before anything ran. */
  readonly policies: string;
  stop(): Promise<void>;
}

/** What a gate is started with. */
export interface GateOptions {
  readonly suites: readonly string[];
  readonly mcpPort: number;
  readonly modelPort: number;
  /** How long a turn waits for an approval, such as `2s`. */
  readonly approvalWait: string;
  /** False: no field of any result is declared as trusted. */
  readonly trustedFields: boolean;
}

/** Starts the whole suite with `deploy/policies` for the chosen AgentDojo suites. */
export async function startGate(options: GateOptions): Promise<SecurityGate> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-security-'));
  const resources = join(folder, 'resources');
  mkdirSync(resources);
  const files = [
    join(HERE, 'resources/gate.yaml'),
    ...options.suites.map((suite) => join(HERE, `resources/${suite}/tools.yaml`)),
    ...[...new Set(options.suites.flatMap((suite) => DOMAINS[suite] ?? []))].map((domain) =>
      join(POLICIES, domain, 'policy.yaml'),
    ),
  ];
  const hash = createHash('sha256');
  for (const [index, file] of files.entries()) {
    const text = readFileSync(file, 'utf8');
    hash.update(text);
    const values = {
      'mcp.url': `http://127.0.0.1:${options.mcpPort}`,
      'model.url': `http://127.0.0.1:${options.modelPort}`,
    };
    const written = expanded(options.trustedFields ? text : withoutTrust(text), values);
    writeFileSync(join(resources, `${index}.yaml`), written);
  }
  const clear = () => rmSync(folder, { recursive: true, force: true });
  try {
    const suite = await startSuite({
      data: join(folder, 'data'),
      resources,
      services: BOTH_PLANES,
      overrides: { 'model-proxy': { turn: { approvalWait: options.approvalWait } } },
    });
    const stop = async () => {
      await suite.stop();
      clear();
    };
    return { suite, policies: `sha256:${hash.digest('hex')}`, stop };
  } catch (error) {
    clear();
    throw error;
  }
}

/** The same resources without any trusted field: what is left then rests on origins and handles alone. */
function withoutTrust(text: string): string {
  return parseAllDocuments(text)
    .map((document) => {
      const resource = document.toJS() as { kind?: string; spec?: { tools?: { fields?: { trusted?: boolean }[] }[] } };
      if (resource.kind === 'ToolServer') {
        for (const tool of resource.spec?.tools ?? []) {
          if (tool.fields) tool.fields = tool.fields.filter((field) => field.trusted !== true);
        }
      }
      return stringify(resource);
    })
    .join('---\n');
}

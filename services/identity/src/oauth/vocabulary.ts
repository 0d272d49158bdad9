/** A resource that tokens are for, by its path under the gateway's URL, and the scopes that mean something there. */
interface Resource {
  readonly path: string;
  readonly scope: string;
  /** Scopes that name one of many, such as one tool. */
  readonly narrow?: RegExp;
}

const NAME = '[A-Za-z0-9._*?-]{1,128}';
const TOOL = new RegExp(`^tool:${NAME}/${NAME}$`);
const MODEL = /^model:[A-Za-z0-9._:/*?-]{1,128}$/;

const RESOURCES: readonly Resource[] = [
  { path: '/mcp', scope: 'mcp', narrow: TOOL },
  // An agent is tools: who may use tools may send messages to it, as far as policy lets them.
  { path: '/a2a', scope: 'mcp', narrow: TOOL },
  { path: '/v1', scope: 'models', narrow: MODEL },
  { path: '/anthropic', scope: 'models', narrow: MODEL },
  { path: '/admin/v1', scope: 'admin' },
];
const MAX_SCOPES = 64;

/** Scopes without a name in them, as metadata list them. */
export const PLAIN_SCOPES: readonly string[] = [...new Set(RESOURCES.map(({ scope }) => scope))];

/** Paths of the resources; the first is meant where a client names none. */
export const RESOURCE_PATHS: readonly string[] = RESOURCES.map(({ path }) => path);

/**
 * Which of the wanted scopes mean something at a resource (RFC 8707; compared exactly). `bases`: the URLs that the gateway
 * is reached under. Undefined: no resource of ours.
 */
export function scopesAt(resource: string, wanted: readonly string[], bases: readonly string[]): string[] | undefined {
  const base = bases.find((one) => resource.startsWith(`${one}/`));
  const found = base === undefined ? undefined : RESOURCES.find(({ path }) => `${base}${path}` === resource);
  if (found === undefined) return undefined;
  const narrow = wanted.filter((scope) => found.narrow?.test(scope)).slice(0, MAX_SCOPES);
  return [found.scope, ...new Set(narrow)];
}

/** Whether a scope is one of ours at all. */
export function isKnownScope(scope: string): boolean {
  return PLAIN_SCOPES.includes(scope) || TOOL.test(scope) || MODEL.test(scope);
}

/** Whether what is held covers what is wanted: exactly, as a part of the plain scope of its kind, or of a name with * at its end. */
export function covers(held: readonly string[], wanted: string): boolean {
  if (held.includes(wanted)) return true;
  if (held.some((one) => /^[^*?]+\*$/.test(one) && wanted.startsWith(one.slice(0, -1)))) return true;
  return (
    (wanted.startsWith('tool:') && held.includes('mcp')) || (wanted.startsWith('model:') && held.includes('models'))
  );
}

/** What a scope lets a client do, in words for the person who is asked. */
export function meaningOf(scope: string): string {
  if (scope === 'mcp')
    return 'List and call every tool that you may use. Tools can read, send and change things in your name.';
  if (scope === 'models')
    return 'Call every model that you may use. What it sends costs money and counts against your limits.';
  if (scope === 'admin')
    return 'Use the administration that you may use: see runs and costs, decide approvals, change keys.';
  const [kind, name = ''] = [scope.slice(0, scope.indexOf(':')), scope.slice(scope.indexOf(':') + 1)];
  if (kind === 'tool') {
    const [server = '', tool = ''] = name.split('/');
    const which = tool === '*' ? 'every tool' : `the tool ${tool}`;
    return `Call ${which} of ${server === '*' ? 'every tool server' : server}, as far as you may.`;
  }
  if (kind === 'model')
    return name === '*' ? 'Call every model that you may use.' : `Call the model ${name}, as far as you may.`;
  return scope;
}

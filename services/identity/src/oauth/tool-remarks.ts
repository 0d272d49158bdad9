import type { ToolServerSpec } from '@sallyport/custom-resources';
import type { Snapshot } from '@sallyport/peers/snapshot';

const WORDS: Readonly<Record<string, string>> = {
  Read: 'It only reads.',
  Write: 'It changes things.',
  Egress: 'It sends things out.',
  Sensitive: 'It is sensitive: it can do harm that cannot be undone.',
};

/** What the tool that a scope names can do, as its ToolServer declares it; '' for other scopes. */
export function toolRemarks(snapshot: Pick<Snapshot, 'items'>): (tenant: string, scope: string) => string {
  return (tenant, scope) => {
    const named = /^tool:([^/]+)\/([^*?]+)$/.exec(scope);
    if (named === null) return '';
    const [, server, tool] = named;
    const item = snapshot.items('ToolServer').find((one) => one.tenant === tenant && one.name === server);
    if (item === undefined) return '';
    const spec = item.spec as ToolServerSpec;
    const known = spec.tools.find(({ name }) => name === tool);
    return WORDS[known?.class ?? spec.defaultClass] ?? '';
  };
}

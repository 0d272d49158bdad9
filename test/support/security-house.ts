import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { root } from '../architecture/tree.ts';
import type { FakeProvider } from '../fakes/provider.ts';
import { openHouse, type ResourceInit } from './suite.ts';

/** The policies that are shipped for a domain, as resources. */
export function shippedPolicies(domain: string): ResourceInit[] {
  const text = readFileSync(join(root, 'deploy/policies', domain, 'policy.yaml'), 'utf8');
  return parseAllDocuments(text).map((document) => {
    const { kind, metadata, spec } = document.toJS() as { kind: string; metadata: { name: string }; spec: object };
    return { kind, name: metadata.name, spec };
  });
}

/** An open house in which key `demo` speaks for a human who types, and `quarantine-reader` reads for policies. */
export function typedHouse(provider: FakeProvider, models: readonly string[] = ['actor']): ResourceInit[] {
  return openHouse(provider, [...models, 'quarantine-reader'], { firstByteSeconds: 5 }).map((one) =>
    one.kind === 'VirtualKey' && one.name === 'demo'
      ? { ...one, spec: { ...one.spec, origin: 'human', instructionAuthority: { system: 'Authored', user: 'Typed' } } }
      : one,
  );
}

/** A ToolServer for a fake: classes of its tools, and fields that nobody outside writes, for the tools that read. */
export function toolServer(
  name: string,
  url: string,
  classes: Readonly<Record<string, string>>,
  trusted: readonly { path: string; type: string }[] = [],
): ResourceInit {
  const fields = trusted.map((one) => ({ ...one, trusted: true, writer: 'The service assigns it.' }));
  const tools = Object.entries(classes).map(([tool, kind]) => ({
    name: tool,
    class: kind,
    ...(kind === 'Read' && fields.length > 0 ? { fields } : {}),
  }));
  return { kind: 'ToolServer', name, spec: { remote: { url }, allowPrivateNetwork: true, tools } };
}

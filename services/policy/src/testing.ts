import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import { type Principal, Principal_Kind, PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import { type Label, label, TRUSTED } from '@sallyport/turn/label';
import type { ToolRefFields } from './rules/tool.ts';
import { createCompiler } from './snapshot/compile.ts';
import type { Held, HeldItem } from './snapshot/held.ts';
import type { Snapshot } from './snapshot/tenant.ts';
import { KINDS, type PolicyKind } from './snapshot/units.ts';

/** Resources of the tests: kind, name and spec; the tenant is `acme` unless said otherwise. */
export interface TestResource {
  readonly kind: PolicyKind;
  readonly name: string;
  readonly tenant?: string;
  readonly spec: unknown;
}

/** Compiles resources into a snapshot, as the stream would. */
export async function snapshotOf(resources: readonly TestResource[], caughtUp = true): Promise<Snapshot> {
  return createCompiler(() => undefined).compile(heldOf(resources), caughtUp);
}

/** Resources as they are held after a first, full message of each kind. */
export function heldOf(resources: readonly TestResource[], revision = 'r1'): Held {
  return new Map(
    KINDS.map((kind) => {
      const items = resources.flatMap((one, index): [string, HeldItem][] => {
        if (one.kind !== kind) return [];
        const { name, tenant = 'acme', spec } = one;
        const uid = `uid-${tenant}-${kind}-${name}`;
        const specJson = JSON.stringify(spec);
        return [[uid, { tenant, name, uid, specJson, contentHash: specJson, createdAtMs: index }]];
      });
      return [kind, { revision, items: new Map(items) }];
    }),
  );
}

/** A virtual key of tenant `acme` and user `ann`. */
export function principalOfTest(fields: MessageInitShape<typeof PrincipalSchema> = {}): Principal {
  return create(PrincipalSchema, {
    tenant: 'acme',
    kind: Principal_Kind.KEY,
    id: 'key:k1',
    keyId: 'k1',
    name: 'agent-key',
    user: 'ann',
    client: 'agent',
    ...fields,
  });
}

/** A brokered tool of the server `mail`. */
export function brokered(name: string, server = 'mail'): ToolRefFields {
  return { kind: ToolRef_Kind.BROKERED, server, serverUid: '', owner: '', name, digest: '' };
}

/** A function that a client declares. */
export function clientTool(name: string, owner = 'agent'): ToolRefFields {
  return { kind: ToolRef_Kind.CLIENT, server: '', serverUid: '', owner, name, digest: 'd' };
}

/** A tool that a provider runs. */
export function providerTool(name: string, owner = 'openai'): ToolRefFields {
  return { kind: ToolRef_Kind.PROVIDER, server: '', serverUid: '', owner, name, digest: '' };
}

/** The context after a mail was read. */
export const TAINTED: Label = label('untrusted', ['tool:mail/read']);

/** Clean and tainted contexts by name. */
export const CONTEXTS = { trusted: TRUSTED, untrusted: TAINTED } as const;

/** Everyone may use every tool of every server. */
export const OPEN_ACCESS: TestResource = {
  kind: 'AccessPolicy',
  name: 'all',
  spec: { subjects: { everyone: true }, models: ['*'], tools: ['*/*'] },
};

/** A mail server with one tool of each class. */
export const MAIL: TestResource = {
  kind: 'ToolServer',
  name: 'mail',
  spec: {
    remote: { url: 'https://mail.example.com/mcp' },
    tools: [
      { name: 'read', class: 'Read' },
      { name: 'write', class: 'Write' },
      { name: 'egress', class: 'Egress' },
      { name: 'sensitive', class: 'Sensitive' },
      { name: 'off', class: 'Read', enabled: false },
      { name: 'pinned', class: 'Read', digest: `sha256:${'a'.repeat(64)}` },
    ],
    pins: [{ name: 'listed', digest: `sha256:${'a'.repeat(64)}` }],
  },
};

import { type AccessPolicySpec, accessPolicy } from './access-policy.ts';
import { type LimitSpec, limit } from './limit.ts';

/**
 * What a Limit that was never good selects (DESIGN §6: "with none, what it selects is denied"). Its bounds may be all that
 * cannot be read, so its selection still holds; where that cannot be read either, it is every request of the tenant.
 */
export function unreadableLimit(written: unknown): Pick<LimitSpec, 'match'> {
  const { match } = limit.spec.shape;
  const found = match.safeParse(membersOf(written)?.match);
  return { match: found.success ? found.data : match.parse(undefined) };
}

/**
 * What stays in force of an AccessPolicy that was never good: it grants nothing, which denies what it would have allowed.
 * But it may also have said `clientTools: Deny`, which takes something away from grants of others: that is kept for its
 * subjects, or for everyone where those cannot be read, unless it plainly says nothing of the kind. Undefined: nothing.
 */
export function unreadableAccess(written: unknown): AccessPolicySpec | undefined {
  const { shape } = accessPolicy.spec;
  const spec = membersOf(written);
  if (spec !== undefined) {
    const said = shape.clientTools.safeParse(spec.clientTools);
    // A field that is none may be that one, misspelt.
    const plain = Object.keys(spec).every((name) => Object.hasOwn(shape, name));
    if (plain && said.success && said.data === 'Decide') return undefined;
  }
  const subjects = shape.subjects.safeParse(spec?.subjects);
  return {
    subjects: subjects.success ? subjects.data : shape.subjects.parse({ everyone: true }),
    models: [],
    tools: [],
    resources: [],
    prompts: [],
    endpoints: ['*'],
    clientTools: 'Deny',
    toolList: 'All',
    passthrough: [],
  };
}

function membersOf(written: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof written === 'object' && written !== null && !Array.isArray(written)
    ? (written as Record<string, unknown>)
    : undefined;
}

import { type Kind, kinds, unreadableAccess, unreadableLimit } from '@sallyport/custom-resources';

const { shape } = kinds.ToolPolicy.spec;

/**
 * What is in force of a resource that was never good (DESIGN §6: "with none, what it selects is denied"), as a spec for the
 * snapshot. A Limit keeps its selection and no bounds: whoever compiles that refuses what it selects. Undefined: nothing.
 */
export function refusalOf(kind: Kind, name: string, written: unknown): unknown {
  switch (kind) {
    case 'ToolPolicy':
      return toolPolicyRefusal(name, written);
    case 'AccessPolicy':
      return unreadableAccess(written);
    case 'Limit':
      return unreadableLimit(written);
    default:
      return undefined;
  }
}

/**
 * Of a ToolPolicy: its selection, as far as that can be read, with every call and result refused. Left out, it would let pass what it was
 * written to hold. `null` where the selection cannot be read: whoever compiles that denies all tool calls of the tenant.
 */
function toolPolicyRefusal(name: string, written: unknown): unknown {
  const spec = typeof written === 'object' && written !== null ? (written as Record<string, unknown>) : {};
  const tools = shape.tools.safeParse(spec.tools);
  const clientTools = shape.clientTools.safeParse(spec.clientTools);
  const providerTools = shape.providerTools.safeParse(spec.providerTools);
  if (!tools.success || !clientTools.success || !providerTools.success) return null;
  if (tools.data.length + clientTools.data.length + providerTools.data.length === 0) return null;
  const rule = {
    name: 'not-accepted',
    // A condition that always holds: a rule without one gives way to other policies' rules that have one.
    when: '1 == 1',
    action: 'Deny',
    reason: `The tool policy ${name} is not accepted as it is written; until then, what it selects is refused.`,
  };
  const mode = shape.mode.safeParse(spec.mode);
  const toolClass = tools.data.length === 0 ? shape.class.safeParse(spec.class).data : undefined;
  return {
    tools: tools.data,
    clientTools: clientTools.data,
    providerTools: providerTools.data,
    // Its author's own word on how strict it is holds here too.
    mode: mode.success ? mode.data : 'Enforce',
    class: toolClass,
    calls: [rule],
    results: [{ ...rule, trust: 'Untrusted' }],
  };
}

import { of, type Requirement } from './requirement.ts';

/** What is promised under `tenancy:`. */
export const tenancy: readonly Requirement[] = [
  ...of('issue 3, done when', {
    'tenancy:admin-api': 'No route of the admin API shows or changes anything of another tenant.',
    'tenancy:enumerated': 'Every route of the admin API and every path of the front has a case here.',
    'tenancy:history': 'Neither tool-call ids nor words of a run of the other lead to it; they are untrusted here.',
    'tenancy:key-in-tenant': 'The run of another key of the same tenant is foreign too, and no Member reads it.',
    'tenancy:limits': 'What one spends is not spent by the other.',
    'tenancy:mcp': '/mcp lists and calls its own tools only; a session or run of the other is as if absent.',
    'tenancy:models': 'Only its own models are listed, found and called, by names that both have too.',
    'tenancy:one-secret':
      'Of two tenants that choose the same secret for a key the first keeps it, the other has none.',
    'tenancy:operations': 'Operations and what is passed through reach its own models and providers only.',
    'tenancy:policies': 'Rules of the one are no rules of the other.',
    'tenancy:providers': 'A call goes to its own provider with its own credential, whatever the names.',
    'tenancy:secrets': 'No credential and no key of one ever reached what belongs to the other.',
    'tenancy:tools': 'Tools of type mcp are those of its own tool servers.',
    'tenancy:trajectory-header': 'A run of the other counts as absent, and that it was named is recorded.',
  }),
];

import { of, type Requirement } from './requirement.ts';

/** What is promised under `cluster:`. */
export const cluster: readonly Requirement[] = [
  ...of('issue 3, done when', {
    'cluster:kill': 'Killing a pod of any service loses no acknowledged record.',
    'cluster:anthropic': 'A release answers an Anthropic SDK through the Ingress.',
    'cluster:hosted': 'A release hosts tool servers over stdio and over HTTP, and leaves nothing of them behind.',
    'cluster:idle': 'A hosted server that nobody calls is stopped, and the next call starts it.',
    'cluster:principals': 'Two principals of a hosted server have a pod each, and neither sees what is of the other.',
    'cluster:hostile':
      'A hosted server that tries to reach what it should not fails, in its status and in the records.',
    'cluster:install': 'A release is installed into a restricted namespace, and all pods become ready.',
    'cluster:mcp': 'A release serves an MCP client through the Ingress.',
    'cluster:openai': 'A release answers an OpenAI SDK through the Ingress, and records it.',
    'cluster:samples': 'A release makes every kind of the samples Ready.',
    'cluster:stream': 'A release streams piece by piece through the Ingress.',
    'cluster:uninstall': 'A release leaves the CRDs and the resources of users, none of them stuck.',
    'cluster:upgrade': 'A release keeps keys and certificates through an upgrade.',
  }),
];

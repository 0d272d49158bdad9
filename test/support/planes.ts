import type { ServiceName } from '@sallyport/cli/dev/topology';

const SHARED = ['audit', 'vault', 'identity', 'operator', 'policy'] as const;

/** What a test of model calls without tools starts. */
export const MODEL_PLANE = [...SHARED, 'model-proxy', 'console'] as const satisfies readonly ServiceName[];
/** What a test of `/mcp` starts. */
export const TOOL_PLANE = [...SHARED, 'quarantine', 'mcp-broker', 'console'] as const satisfies readonly ServiceName[];
/** What a test of whole turns starts. */
export const BOTH_PLANES = [
  ...SHARED,
  'quarantine',
  'mcp-broker',
  'model-proxy',
  'console',
] as const satisfies readonly ServiceName[];

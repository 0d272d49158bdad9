import { of, type Requirement } from './requirement.ts';

/** What is promised under `oauth:`. */
export const oauth: readonly Requirement[] = [
  ...of('issue 5, RFC 9728', {
    'oauth:resource-metadata': "The metadata of /mcp name the issuer of the host's tenant.",
  }),
];

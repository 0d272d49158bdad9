import { of, type Requirement } from './requirement.ts';

/** What is promised under `resources:`. */
export const resources: readonly Requirement[] = [
  ...of('DESIGN §3, §6, §7, §8; Kubernetes API conventions', {
    'resources:policy-coverage': 'The gaps that an AccessPolicy opens are told of it, in one bounded line.',
    'resources:crds-accepted': 'A real API server accepts and serves every CRD.',
    'resources:no-boolean-words': 'No field and no value of a resource is one that YAML 1.1 reads as a boolean.',
    'resources:cel': 'Each rule refuses and accepts on a real API server.',
    'resources:end-to-end': 'The operator makes resources ready with its role alone.',
    'resources:access-review': 'Who may administer a namespace is found out with the role of the operator alone.',
    'resources:missed-removal': 'A key whose resource went while no operator ran is taken away.',
    'resources:status-apply': 'Status is written by server-side apply, and nothing else.',
    'resources:leader-election': 'One replica leads, and the next when the Lease is given back.',
  }),
];

import { of, type Requirement } from './requirement.ts';

/** What is promised under `hosted:`. */
export const hosted: readonly Requirement[] = [
  ...of('issue 7, hosted servers', {
    'hosted:bridge': 'A server over standard input and output is served as Streamable HTTP to several callers at once.',
    'hosted:exact-numbers': 'No number is changed between the gateway and a process.',
    'hosted:asks':
      'A process over standard input and output may ask the person of the one call that is under way; of several, or while one goes on whose caller has gone, it asks nobody.',
    'hosted:bounds': 'A process that floods, writes too long a line or never answers is ended, and its calls with it.',
    'hosted:on-demand': 'A server that is idle is stopped, its lists stay, and the next call starts it.',
    'hosted:egress': 'Connections go out to declared hosts only, over TLS to the host that was asked for.',
    'hosted:egress-guard':
      'No declared name leads to private, link-local or metadata addresses, nor to another address later.',
    'hosted:egress-bounds':
      'No pod holds up the way out of others: sockets, names and first bytes of each are bounded.',
    'hosted:egress-identity': 'The proxy serves the server whose credential is shown from the address of its own pod.',
    'hosted:egress-record': 'Each refused connection is recorded and counted in the status of its server.',
    'hosted:admission':
      'What may attach to, scale, make and delete pods may do so with those of hosted tool servers alone.',
    'hosted:pod': 'The pod of a hosted server is restricted, without a token, and reaches the proxy alone.',
    'hosted:egress-required': 'Where egress must be enforced a server that cannot prove it is not started.',
    'hosted:maximum': 'A hosted server has no more than the maximum, a namespace no more pods than it may.',
    'hosted:secrets': 'The environment of a hosted server has no Secret of the gate itself, nor of another server.',
    'hosted:per-principal':
      'With isolation PerPrincipal each principal has a process of its own, with its own values, bounded and taken away.',
    'hosted:listening':
      'A stream of notices ends when another process has the place of the one that it is of, and no request starts a server that was taken away.',
    'hosted:reconcile': 'The objects of a hosted server are made, kept as they should be, and taken away with it.',
    'hosted:fence': 'The network policy of a hosted server outlives its last pod, also when its resource is deleted.',
    'hosted:status': 'The status says why a hosted server does not run, and whether its egress is enforced.',
  }),
];

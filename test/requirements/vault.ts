import { of, type Requirement } from './requirement.ts';

/** What is promised under `vault:`. */
export const vault: readonly Requirement[] = [
  ...of('DESIGN §2, §3, §7, §8; issue 3', {
    'vault:sealed': 'Values are kept only sealed and never logged.',
    'vault:sealed-in-place': 'A row altered or moved to another place does not open.',
    'vault:master-rotation': 'A new master key takes over without sealing values anew.',
    'vault:own-kind': 'Each caller leases its own kind only.',
    'vault:tenant': 'Nothing of one tenant is leased to or visible in another.',
    'vault:origin': 'A credential is leased for the bound origin only.',
    'vault:rebind': 'A changed origin voids the credential until it is granted anew.',
    'vault:access-counted': 'Leases are counted by grant.',
    'vault:notice-person': 'What concerns one person has leases of that person dropped and no others.',
    'vault:invalidation-1s': 'Every replica tells of a dropped lease within a second.',
    'vault:ungranted': 'A value that nothing may lease is not kept.',
    'vault:callers': 'Only operator puts values in, only the two proxies take them out.',
  }),
  ...of("issue 6 (auth as each needs): identities of clouds by the pod's own token; DESIGN §3, §8", {
    'vault:workload-aws':
      "Session keys of a role at AWS are had for the pod's token, at STS or from the agent of EKS Pod Identity.",
    'vault:workload-google':
      "A token of Google is had for the pod's by workload identity federation, of a service account where one is named.",
    'vault:workload-azure': "A token of Entra ID is had for an application by the pod's token.",
    'vault:workload-renewed':
      'What a cloud gave is renewed before its end, serves to its end while the cloud is away, and is replaced where it was refused.',
    'vault:workload-bound':
      'An identity is for the tenants and hosts that who runs the gateway named: no resource reaches another.',
    'vault:workload-guarded': 'Clouds are asked behind the guard of outbound URLs.',
    'vault:workload-refused': 'What a cloud refuses or answers wrongly is told apart, without its words.',
    'vault:workload-named':
      'A ModelProvider at a cloud names an identity in place of a Secret, and is granted it by its name.',
    'vault:workload-projected':
      "The chart projects a token for each identity into vault's pod, and opens the way to the agent of EKS where it is used.",
  }),
  ...of('issue 5', {
    'vault:transit': 'Data keys may be wrapped by a transit engine; what it opened goes on while it is away.',
    'vault:rotation-replicas': 'A new master key is used once every replica has it; all older ones open meanwhile.',
    'vault:forgotten': 'What people brought for a resource that is gone is deleted after a while, with a record of it.',
    'vault:missing-secret':
      'Who is to prove themselves by a Secret that is not there is refused, and comes as nobody without one.',
    'vault:lost-key': 'A replica that was started without a master key that is needed does not become ready.',
    'vault:access-recorded': 'Who had which credential, by reference and for what, is recorded in batches.',
    'vault:owner-order':
      'Keys of user, team and organisation are used in the order of the resource, and of no owner it does not name.',
    'vault:heir': 'Keys and grants of a person are not lent to somebody who took over the name.',
    'vault:owned-origin': 'A key that a person put in is sent only to the host that the resource had then.',
    'vault:binding-recorded': 'What a resource resolves to is recorded by reference, before and after each change.',
    'vault:restore': 'A dump restored beside the same master keys gives out the same credentials.',
  }),
];

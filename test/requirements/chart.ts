import { of, type Requirement } from './requirement.ts';

/** What is promised under `chart:`. */
export const chart: readonly Requirement[] = [
  ...of('issue 3, stage c; Kubernetes conventions', {
    'chart:edge': 'Declared edges reach the gates and the console on a port of their own, and nobody else opens it.',
    'chart:public-url': 'Both gates and the console know where people reach them.',
    'chart:approvals': 'Waits and the webhook of approvals are values; its key is mounted in policy alone.',
    'chart:deadline': 'Jobs that are never done end.',
    'chart:strict': 'The chart refuses values that it does not know, or of the wrong form.',
    'chart:config': 'The chart renders configs that the services accept.',
    'chart:rbac': "The operator's rights are exactly those it needs.",
    'chart:peers': 'Peers in the configs follow the same table as the network policies.',
    'chart:edges': 'Network policies let through the edges of the table from both sides, and nothing else.',
    'chart:callers': 'Each service lets those call it whose edge the table has, and no others.',
    'chart:internet':
      'Network policies let out only the two gates, sign-in of identity, grants of vault and the webhook of policy, and never to link-local addresses.',
    'chart:routes': 'The paths of the Ingress are those of the table.',
    'chart:yaml': 'What is rendered, and the CRDs, mean the same to a reader of YAML 1.1, as Helm is, and of 1.2.',
    'chart:generated': 'The schema and the README of the chart are those of values.yaml.',
    'chart:all-services': 'The chart runs every service, each under an account of its own.',
    'chart:availability':
      'The chart has disruption budgets, spreading and autoscaling where there is more than one pod.',
    'chart:checksum': 'The chart rolls the pods of a component whose config changed, and no others.',
    'chart:config-override': 'The chart lays config of a component over what is rendered.',
    'chart:drain': 'The chart gives pods longer to end than they take to drain.',
    'chart:hooks': 'The chart has no hooks: the migration would wait for a database that Helm has not installed yet.',
    'chart:jobs': 'The chart names a Job anew when what it does changed, since Jobs cannot be changed.',
    'chart:keep': 'The chart keeps CRDs, and keys of a database that is not the bundled one.',
    'chart:lint': 'The chart passes helm lint without a warning.',
    'chart:names': 'The chart keeps names within 63 characters and labels every object.',
    'chart:package': 'The chart packs without the scenarios.',
    'chart:posture': 'The chart hands enforce to policy.',
    'chart:restricted': 'The chart has only pods that meet the Pod Security Standard restricted.',
    'chart:secrets': 'The chart holds no secret value itself.',
    'chart:hosted': 'What hosted tool servers need is run and permitted only where they are enabled.',
    'chart:token': 'The chart gives a token of the API server to operator, mcp-host and bootstrap alone.',
  }),
];

import type { Case } from './case.ts';

const hosted = { image: 'ghcr.io/acme/mcp-jira:1.4' };

/** The cases of tool servers that Sallyport runs. */
export const casesOfHosting: readonly Case[] = [
  {
    name: 'a hosted server over standard input and output',
    kind: 'ToolServer',
    spec: {
      hosted: {
        ...hosted,
        command: ['/bin/jira'],
        args: ['--stdio'],
        env: [
          { name: 'JIRA_URL', value: 'https://acme.example' },
          { name: 'JIRA_TOKEN', secretRef: { name: 'jira', key: 'token' } },
        ],
        egress: ['api.example.com', '*.example.org:8443'],
        resources: { memory: '1Gi' },
        idleMinutes: 10,
      },
    },
  },
  {
    name: 'a hosted server over HTTP',
    kind: 'ToolServer',
    spec: { hosted: { ...hosted, transport: 'Http', http: { port: 8000 } } },
  },
  {
    name: 'a server that is remote and hosted',
    kind: 'ToolServer',
    spec: { hosted, remote: { url: 'https://mail.example/mcp' } },
    errors: ['exactly one of remote'],
  },
  {
    name: 'a hosted server over HTTP without a port',
    kind: 'ToolServer',
    spec: { hosted: { ...hosted, transport: 'Http' } },
    errors: ['http must be given for transport Http'],
  },
  {
    name: 'a variable with a value and a secret',
    kind: 'ToolServer',
    spec: { hosted: { ...hosted, env: [{ name: 'A', value: 'b', secretRef: { name: 'a', key: 'b' } }] } },
    errors: ['exactly one of value and secretRef'],
  },
  {
    name: 'a hosted server that goes round the proxy',
    kind: 'ToolServer',
    spec: { hosted: { ...hosted, env: [{ name: 'https_proxy', value: 'http://elsewhere.example' }] } },
    errors: ['variables of the proxy'],
  },
  {
    name: 'egress to an address',
    kind: 'ToolServer',
    spec: { hosted: { ...hosted, egress: ['169.254.169.254'] } },
    errors: ['spec.hosted.egress'],
  },
  {
    name: 'a hosted server that runs as root',
    kind: 'ToolServer',
    spec: { hosted: { ...hosted, runAsUser: 0 } },
    errors: ['spec.hosted.runAsUser'],
  },
  {
    name: 'a hosted server that is stopped although it listens',
    kind: 'ToolServer',
    spec: { hosted: { ...hosted, transport: 'Http', http: { port: 8000 }, idleMinutes: 5 } },
    errors: ['idleMinutes is for transport Stdio'],
  },
  {
    name: 'a hosted server with a process for each principal',
    kind: 'ToolServer',
    spec: {
      hosted: {
        ...hosted,
        transport: 'Http',
        http: { port: 8000 },
        idleMinutes: 5,
        isolation: 'PerPrincipal',
        maxPrincipals: 40,
        requireEgressEnforced: true,
        env: [{ name: 'TOKEN', secretRef: { name: 'tokens', key: 'lists' }, perPrincipal: true }],
      },
    },
  },
  {
    name: 'a value per principal in a process that all share',
    kind: 'ToolServer',
    spec: { hosted: { ...hosted, env: [{ name: 'A', secretRef: { name: 'a', key: 'b' }, perPrincipal: true }] } },
    errors: ['values per principal need isolation PerPrincipal'],
  },
  {
    name: 'a value per principal that is no secret',
    kind: 'ToolServer',
    spec: { hosted: { ...hosted, isolation: 'PerPrincipal', env: [{ name: 'A', value: 'b', perPrincipal: true }] } },
    errors: ['perPrincipal is for values of a Secret'],
  },
  {
    name: 'a hosted server with a credential to call it',
    kind: 'ToolServer',
    spec: { hosted, credentials: { secretRef: { name: 'a', key: 'b' } } },
    errors: ['takes no credentials'],
  },
];

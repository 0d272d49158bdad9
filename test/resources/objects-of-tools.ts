import type { Case } from './case.ts';

const CLIENT = { issuer: 'https://login.example', clientId: 'sallyport', secretRef: { name: 'mail', key: 'client' } };

/** The cases of ToolServer. */
export const casesOfTools: readonly Case[] = [
  {
    name: 'a tool server',
    kind: 'ToolServer',
    spec: {
      remote: { url: 'https://mail.example/mcp', headers: { 'X-Team': 'a' } },
      tools: [{ name: 'send', class: 'Egress' }],
    },
  },
  {
    name: 'an agent',
    kind: 'ToolServer',
    spec: {
      agent: {
        url: 'https://agents.example/a2a',
        cardUrl: 'https://cards.example/agent.json',
        headers: { 'X-Team': 'a' },
      },
    },
  },
  {
    name: 'an agent that is the turn loop of the gateway',
    kind: 'ToolServer',
    spec: {
      turnLoop: {
        title: 'Secretary',
        description: 'Looks after mails and dates.',
        skills: [{ id: 'mail', name: 'Mail', description: 'Reads mails.', tags: ['mail'], examples: ['What is new?'] }],
        model: 'smart',
        instructions: 'You look after mails.',
        servers: ['mail', 'calendar'],
      },
    },
  },
  {
    name: 'a turn loop with a credential',
    kind: 'ToolServer',
    spec: {
      turnLoop: { description: 'Looks after mails.', model: 'smart', instructions: 'You look after mails.' },
      credentials: { secretRef: { name: 'mail', key: 'token' } },
    },
    errors: ['a turn loop is no server that takes a credential'],
  },
  {
    name: 'an agent and an MCP server in one',
    kind: 'ToolServer',
    spec: { agent: { url: 'https://agents.example' }, remote: { url: 'https://mail.example' } },
    errors: ['exactly one of remote'],
  },
  {
    name: 'an agent over http',
    kind: 'ToolServer',
    spec: { agent: { url: 'http://agents.example' } },
    errors: ['url must be https'],
  },
  {
    name: 'an agent with a card over http',
    kind: 'ToolServer',
    spec: { agent: { url: 'https://agents.example', cardUrl: 'http://agents.example/card.json' } },
    errors: ['cardUrl must be https'],
  },
  {
    name: 'a message to an agent that only reads',
    kind: 'ToolServer',
    spec: { agent: { url: 'https://agents.example' }, tools: [{ name: 'send_message', class: 'Read' }] },
    errors: ['a message to an agent goes out'],
  },
  {
    name: 'a header of A2A',
    kind: 'ToolServer',
    spec: { agent: { url: 'https://agents.example', headers: { 'A2A-Version': '1.0' } } },
    errors: ['may not set credentials'],
  },
  {
    name: 'a tool server that is nowhere',
    kind: 'ToolServer',
    spec: { defaultClass: 'Read' },
    errors: ['exactly one of remote'],
  },
  {
    name: 'an API',
    kind: 'ToolServer',
    spec: {
      openApi: {
        url: 'https://api.example/v1',
        documentUrl: 'https://docs.example/openapi.yaml',
        operations: { ids: ['users/*'], tags: ['a b'], methods: ['GET'] },
      },
      credentials: { secretRef: { name: 'a', key: 'b' }, scheme: '', parameter: 'api_key' },
    },
  },
  {
    name: 'an API without a document',
    kind: 'ToolServer',
    spec: { openApi: { url: 'https://api.example/v1' } },
    errors: ['exactly one of document, documentUrl and configMapRef'],
  },
  {
    name: 'an API whose document stands in a ConfigMap',
    kind: 'ToolServer',
    spec: { openApi: { url: 'https://api.example/v1', configMapRef: { name: 'crm-api', key: 'openapi.yaml' } } },
  },
  {
    name: 'an API with two documents',
    kind: 'ToolServer',
    spec: { openApi: { url: 'https://api.example', document: '{}', configMapRef: { name: 'a', key: 'b' } } },
    errors: ['exactly one of document, documentUrl and configMapRef'],
  },
  {
    name: 'an API that is an MCP server too',
    kind: 'ToolServer',
    spec: { remote: { url: 'https://a.example' }, openApi: { url: 'https://b.example', document: '{}' } },
    errors: ['exactly one of remote'],
  },
  {
    name: 'a document over http',
    kind: 'ToolServer',
    spec: { openApi: { url: 'https://api.example', documentUrl: 'http://api.example/openapi.json' } },
    errors: ['documentUrl must be https'],
  },
  {
    name: 'a credential in the URL of an MCP server',
    kind: 'ToolServer',
    spec: {
      remote: { url: 'https://a.example' },
      credentials: { secretRef: { name: 'a', key: 'b' }, parameter: 'key' },
    },
    errors: ['parameter is for openApi only'],
  },
  {
    name: 'what is said of calls',
    kind: 'ToolServer',
    spec: {
      remote: { url: 'https://mail.example' },
      concurrency: 8,
      tools: [
        { name: 'a', class: 'Read', retries: 2, concurrency: 1, whileDown: { type: 'Canned', content: 'Later.' } },
        { name: 'b', class: 'Write', retries: 1, idempotent: true, whileDown: { type: 'Disabled' } },
        { name: 'c', class: 'Write', whileDown: { type: 'Server', server: 'spare', tool: 'd' } },
      ],
    },
  },
  {
    name: 'retries of what may not be made twice',
    kind: 'ToolServer',
    spec: { remote: { url: 'https://mail.example' }, tools: [{ name: 'a', class: 'Write', retries: 1 }] },
    errors: ['retries are for tools that are idempotent'],
  },
  {
    name: 'a canned answer without words',
    kind: 'ToolServer',
    spec: {
      remote: { url: 'https://a.example' },
      tools: [{ name: 'a', class: 'Read', whileDown: { type: 'Canned' } }],
    },
    errors: ['content must be given'],
  },
  {
    name: 'a token in a static header',
    kind: 'ToolServer',
    spec: { remote: { url: 'https://mail.example/mcp', headers: { AUTHORIZATION: 'x' } } },
    errors: ['may not set credentials'],
  },
  {
    name: 'a header of the protocol',
    kind: 'ToolServer',
    spec: { remote: { url: 'https://mail.example/mcp', headers: { 'Mcp-Session-Id': 'x' } } },
    errors: ['may not set credentials'],
  },
  {
    name: 'a header name with a blank',
    kind: 'ToolServer',
    spec: { remote: { url: 'https://mail.example/mcp', headers: { 'X Y': 'x' } } },
    errors: ['valid names'],
  },
  {
    name: 'a tool server over http',
    kind: 'ToolServer',
    spec: { remote: { url: 'http://mail.example/mcp' } },
    errors: ['url must be https'],
  },
  {
    name: 'a tool server over http in a private network',
    kind: 'ToolServer',
    spec: { remote: { url: 'http://mail:8080/mcp' }, allowPrivateNetwork: true },
  },
  {
    name: 'a tool twice',
    kind: 'ToolServer',
    spec: {
      remote: { url: 'https://mail.example' },
      tools: [
        { name: 'a', class: 'Read' },
        { name: 'a', class: 'Write' },
      ],
    },
    errors: ['spec.tools[1]'],
  },
  {
    name: 'a tool server that people connect',
    kind: 'ToolServer',
    spec: { remote: { url: 'https://mail.example/mcp' }, auth: { type: 'OAuth', scopes: ['mail:read', 'mail/send'] } },
  },
  {
    name: 'a tool server with a client of its own',
    kind: 'ToolServer',
    spec: {
      remote: { url: 'https://mail.example/mcp' },
      auth: {
        type: 'OAuth',
        registration: 'Static',
        clientId: 'sallyport',
        secretRef: { name: 'mail', key: 'client' },
        issuer: 'https://login.example/tenant',
      },
    },
  },
  {
    name: 'a tool server with tokens of two kinds',
    kind: 'ToolServer',
    spec: {
      remote: { url: 'https://mail.example/mcp' },
      auth: { type: 'OAuth' },
      credentials: { secretRef: { name: 'mail', key: 'token' } },
    },
    errors: ['auth and credentials exclude each other'],
  },
  {
    name: 'a client secret that any issuer could ask for',
    kind: 'ToolServer',
    spec: {
      remote: { url: 'https://mail.example/mcp' },
      auth: { type: 'OAuth', clientId: 'sallyport', secretRef: { name: 'mail', key: 'client' } },
    },
    errors: ['secretRef needs the clientId'],
  },
  {
    name: 'a static registration without a client',
    kind: 'ToolServer',
    spec: { remote: { url: 'https://mail.example/mcp' }, auth: { type: 'OAuth', registration: 'Static' } },
    errors: ['clientId must be given for registration Static'],
  },
  {
    name: 'an issuer over http',
    kind: 'ToolServer',
    spec: { remote: { url: 'https://mail.example/mcp' }, auth: { type: 'OAuth', issuer: 'http://login.example' } },
    errors: ['issuer and resource must be https'],
  },
  {
    name: 'a tool server that is called by tokens that were exchanged',
    kind: 'ToolServer',
    spec: {
      remote: { url: 'https://mail.example/mcp' },
      auth: { ...CLIENT, type: 'TokenExchange', audience: 'mail', tokenEndpoint: 'https://login.example/token' },
    },
  },
  {
    name: 'a tool server that is called on behalf of people',
    kind: 'ToolServer',
    spec: {
      remote: { url: 'https://mail.example/mcp' },
      auth: { ...CLIENT, type: 'EntraOnBehalfOf', scopes: ['api://mail/.default'] },
    },
  },
  {
    name: 'a tool server that is called by identity assertions',
    kind: 'ToolServer',
    spec: {
      remote: { url: 'https://mail.example/mcp' },
      auth: {
        ...CLIENT,
        type: 'IdentityAssertion',
        identityIssuer: 'https://people.example',
        clientAuthentication: 'private_key_jwt',
      },
    },
  },
  {
    name: 'an exchange by nobody',
    kind: 'ToolServer',
    spec: { remote: { url: 'https://mail.example/mcp' }, auth: { type: 'TokenExchange' } },
    errors: ['issuer, clientId and secretRef must be given'],
  },
  {
    name: 'a way to prove a client that is not used',
    kind: 'ToolServer',
    spec: {
      remote: { url: 'https://mail.example/mcp' },
      auth: { ...CLIENT, type: 'OAuth', clientAuthentication: 'client_secret_post' },
    },
    errors: ['clientAuthentication is for types other than OAuth'],
  },
  {
    name: 'an audience that is not used',
    kind: 'ToolServer',
    spec: { remote: { url: 'https://mail.example/mcp' }, auth: { ...CLIENT, type: 'OAuth', audience: 'mail' } },
    errors: ['audience and tokenEndpoint are for type TokenExchange only'],
  },
  {
    name: 'an assertion of nobody',
    kind: 'ToolServer',
    spec: { remote: { url: 'https://mail.example/mcp' }, auth: { ...CLIENT, type: 'IdentityAssertion' } },
    errors: ['identityIssuer must be given for type IdentityAssertion'],
  },
  {
    name: 'nothing on behalf of people',
    kind: 'ToolServer',
    spec: { remote: { url: 'https://mail.example/mcp' }, auth: { ...CLIENT, type: 'EntraOnBehalfOf' } },
    errors: ['EntraOnBehalfOf needs scopes'],
  },
  {
    name: 'a scope with a blank',
    kind: 'ToolServer',
    spec: { remote: { url: 'https://mail.example/mcp' }, auth: { type: 'OAuth', scopes: ['a b'] } },
    errors: ['scopes'],
  },
  {
    name: 'a pin that is no digest',
    kind: 'ToolServer',
    spec: { remote: { url: 'https://mail.example' }, tools: [{ name: 'a', class: 'Read', digest: 'sha256:x' }] },
    errors: ['digest'],
  },
];

import { z } from 'zod';
import { conditionsSchema, observedGenerationSchema } from './conditions.ts';
import { serverCredentials } from './credential-order.ts';
import { defineResource, readyColumns, withRules } from './define-resource.ts';
import { entryName, grantedOriginSchema, jsonPointer, listOf, setOf, toolClass, toolName } from './fields.ts';
import { serverAuth } from './server-auth.ts';
import { agentRules, agentServer, withAgentTools } from './tool-server-agent.ts';
import { callFields, retriesRule } from './tool-server-calls.ts';
import { egressStatus } from './tool-server-egress.ts';
import { hostedRule, hostedServer } from './tool-server-hosted.ts';
import { openApiRules, openApiServer } from './tool-server-open-api.ts';
import { digest, toolPins } from './tool-server-pins.ts';
import { promptsStatus, serverPrompts } from './tool-server-prompts.ts';
import { remoteServer } from './tool-server-remote.ts';
import { samplingRule, serverSampling } from './tool-server-sampling.ts';
import { serverReviewers, serverStage, stageRules } from './tool-server-stage.ts';
import { suspicions } from './tool-server-suspicions.ts';
import { transportRules } from './tool-server-transport.ts';
import { turnLoopRules, turnLoopServer } from './tool-server-turn-loop.ts';

const resultField = withRules(
  z.object({
    path: jsonPointer.describe('Where it stands in the structured result; * stands for any index or member.'),
    type: z
      .enum(['String', 'Integer', 'Number', 'Boolean', 'Date', 'DateTime', 'Enum', 'Handle'])
      .describe(
        'What it holds. What does not fit is shown as a handle. Handle: nothing of it is shown, as for the size of what somebody outside wrote.',
      ),
    values: setOf(z.string().min(1).max(128), 64).optional().describe('The values of an Enum.'),
    trusted: z
      .boolean()
      .default(false)
      .describe('Nobody outside can write this field: it is shown in plain and may be acted on.'),
    writer: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .describe('Who can write a trusted field, for reviewers and for the record.'),
    maxLength: z
      .int()
      .min(1)
      .max(1024)
      .optional()
      .describe('Longest line of a trusted String that is shown; longer ones are handles. Default 64.'),
    lines: z.boolean().default(false).describe('A trusted String of several lines is judged line by line.'),
  }),
  [
    {
      cel: "(self.type == 'Enum') == (has(self.values) && size(self.values) > 0)",
      message: 'values must be given for type Enum, and for no other',
      holds: (f) => (f.type === 'Enum') === (f.values !== undefined && f.values.length > 0),
    },
    {
      cel: 'self.trusted == has(self.writer)',
      message: 'a trusted field says who can write it, and no other does',
      fieldPath: '.writer',
      holds: (f) => f.trusted === (f.writer !== undefined),
    },
    {
      cel: "self.type != 'Handle' || !self.trusted",
      message: 'what is trusted is shown; type Handle is for what is not',
      holds: (f) => f.type !== 'Handle' || !f.trusted,
    },
    {
      cel: "self.type != 'String' || self.trusted",
      message: 'a String that is not trusted is always a handle and needs no entry',
      fieldPath: '.type',
      holds: (f) => f.type !== 'String' || f.trusted,
    },
    {
      cel: "(!has(self.maxLength) && !self.lines) || self.type == 'String'",
      message: 'maxLength and lines are for type String only',
      holds: (f) => (f.maxLength === undefined && !f.lines) || f.type === 'String',
    },
  ],
);

const labelledObject = withRules(
  z.object({
    kind: entryName.describe('Kind of object, for example file.'),
    argument: jsonPointer.optional().describe('Argument that names the object.'),
    result: jsonPointer.optional().describe('Where its id stands in the structured result; * for any index or member.'),
  }),
  [
    {
      cel: 'has(self.argument) || has(self.result)',
      message: 'argument or result must say where the id stands',
      holds: (o) => o.argument !== undefined || o.result !== undefined,
    },
  ],
);

const tool = withRules(
  z.object({
    name: toolName.describe('Name of the tool as its server gives it.'),
    class: toolClass.describe('What the tool can do.'),
    timeoutSeconds: z.int().min(1).max(3600).optional().describe('Longest duration of a call. Default: of the server.'),
    digest: digest.optional().describe('The reviewed definition. A definition with another digest is held back.'),
    enabled: z.boolean().default(true).describe('False takes the tool away from everybody.'),
    fields: listOf(resultField, 64, 'path')
      .optional()
      .describe('What is known of fields of the structured result; decides what quarantine shows in plain.'),
    objects: z
      .array(labelledObject)
      .max(8)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('Objects that the tool writes or reads: what untrusted content was written into stays untrusted.'),
    ...callFields,
  }),
  [retriesRule],
);

const spec = withRules(
  z.object({
    remote: remoteServer.optional().describe('An MCP server that is there already: where it is.'),
    openApi: openApiServer
      .optional()
      .describe('An HTTP API: where it is, and the OpenAPI document that makes tools of it.'),
    hosted: hostedServer.optional().describe('An MCP server that Sallyport runs: what, and what it may reach.'),
    agent: agentServer
      .optional()
      .describe('An agent that speaks A2A: where it is. It is the tools of its server, and is served at /a2a/<name>.'),
    turnLoop: turnLoopServer
      .optional()
      .describe(
        'An agent that is this gateway itself: a model, what it is told, and the tools it has, run for whoever calls as their own. Served at /a2a/<name>, and the tools of its server. A message waits for its answer as long as timeoutSeconds says.',
      ),
    credentials: serverCredentials
      .optional()
      .describe('How Sallyport authenticates to the server. Left out: without credentials.'),
    auth: serverAuth.optional().describe('How Sallyport has tokens for the server, where it has no token for all.'),
    allowPrivateNetwork: z
      .boolean()
      .default(false)
      .describe('Lets the URL be http or lead to private addresses. Metadata addresses stay closed.'),
    timeoutSeconds: z.int().min(1).max(3600).default(30).describe('Longest duration of a call.'),
    concurrency: z
      .int()
      .min(1)
      .max(4096)
      .default(128)
      .describe('Calls of the server under way at once, at most, in each replica; others wait their turn.'),
    defaultClass: toolClass.default('Sensitive').describe('Class of tools that are not named in tools.'),
    tools: listOf(tool, 256, 'name').default([]).describe('What is known of single tools.'),
    pins: toolPins,
    prompts: serverPrompts.optional().describe('Which definitions of its prompts were reviewed: others are held back.'),
    sampling: serverSampling
      .optional()
      .describe(
        'Lets the server have a model asked in the course of a call (MCP sampling): without tools, in a run of its own. What it is told is decided as egress of the call; rules see it as answers. Left out: it may not.',
      ),
    stage: serverStage,
    reviewers: serverReviewers.optional(),
  }),
  [
    ...transportRules,
    ...openApiRules,
    ...stageRules,
    ...agentRules,
    ...turnLoopRules,
    hostedRule,
    samplingRule,
    {
      cel: '!has(self.auth) || !has(self.credentials)',
      message: 'auth and credentials exclude each other',
      fieldPath: '.auth',
      holds: (s) => s.auth === undefined || s.credentials === undefined,
    },
    {
      cel: "!has(self.auth) || self.allowPrivateNetwork || ((!has(self.auth.issuer) || self.auth.issuer.startsWith('https://')) && (!has(self.auth.resource) || self.auth.resource.startsWith('https://')) && (!has(self.auth.tokenEndpoint) || self.auth.tokenEndpoint.startsWith('https://')) && (!has(self.auth.identityIssuer) || self.auth.identityIssuer.startsWith('https://')))",
      message: 'issuer and resource must be https, and so all other URLs of auth, unless allowPrivateNetwork is true',
      fieldPath: '.auth',
      holds: ({ auth, allowPrivateNetwork }) =>
        allowPrivateNetwork ||
        [auth?.issuer, auth?.resource, auth?.tokenEndpoint, auth?.identityIssuer].every(
          (url) => url === undefined || url.startsWith('https://'),
        ),
    },
  ],
);

const status = z.object({
  conditions: conditionsSchema,
  observedGeneration: observedGenerationSchema,
  grantedOrigin: grantedOriginSchema,
  egress: egressStatus,
  tools: z
    .array(
      z.object({
        name: toolName.describe('Name of the tool as its server gives it.'),
        class: toolClass.describe('Class in force.'),
        digest: digest.optional().describe('Digest of the definition in force.'),
        heldDigest: digest
          .optional()
          .describe(
            'Digest of a definition that is held back until tools[].digest of the spec names it: a changed one, one that hides something, one that no reviewer named yet.',
          ),
        tokens: z
          .int()
          .min(0)
          .optional()
          .describe('What the definition takes in the context of a model, estimated by its characters.'),
        whileDown: z
          .string()
          .max(256)
          .optional()
          .describe(
            'The tool that answers while the server is down, or why none can; where another server is declared.',
          ),
        uncheckedPatterns: z
          .int()
          .min(0)
          .optional()
          .describe(
            'Patterns of its schemas that are not run here, so that its server alone checks them: RE2 does not know them (looking around, back-references), they are for names of members, or too large.',
          ),
        suspicions,
      }),
    )
    .max(512)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
    .describe('The tools that the server offers.'),
  prompts: promptsStatus.describe(
    'The prompts that the server offers: to everybody, or to those who call it by themselves.',
  ),
  definitionTokens: z
    .int()
    .min(0)
    .optional()
    .describe('What the definitions in force take in the context of a model together, estimated.'),
});

/** ToolServer: an MCP server and what its tools may do. */
export const toolServer = defineResource({
  kind: 'ToolServer',
  plural: 'toolservers',
  shortNames: ['tsrv'],
  description: 'An MCP server behind the gateway: where it is, its credential, and the class of its tools.',
  spec: spec.describe('What is wanted.'),
  complete: withAgentTools,
  status: status.describe('What is known; written by Sallyport.'),
  columns: [
    { name: 'URL', type: 'string', jsonPath: '.spec.remote.url', priority: 1 },
    { name: 'Stage', type: 'string', jsonPath: '.spec.stage' },
    { name: 'Drift', type: 'string', jsonPath: ".status.conditions[?(@.type=='DefinitionDrift')].status" },
    ...readyColumns,
  ],
  conditions: [
    'Accepted',
    'ResolvedRefs',
    'CredentialsValid',
    'Deployed',
    'EgressEnforced',
    'Reachable',
    'DefinitionDrift',
    'DefinitionSuspect',
    'Ready',
  ],
});

/** Spec of a ToolServer with defaults filled in. */
export type ToolServerSpec = z.output<typeof spec>;

/** What is known of a field of a tool's structured result. */
export type ResultFieldSpec = z.output<typeof resultField>;

/** An object that a tool writes or reads. */
export type LabelledObjectSpec = z.output<typeof labelledObject>;

/** Status of a ToolServer. */
export type ToolServerStatus = z.output<typeof toolServer.status>;

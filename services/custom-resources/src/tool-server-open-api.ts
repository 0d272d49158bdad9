import { z } from 'zod';
import { type Rule, withRules } from './define-resource.ts';
import { glob, httpUrl, secretKeyRef, setOf } from './fields.ts';
import { fixedHeaders, fixedHeadersRule } from './fixed-headers.ts';

/** Longest document that is not read by URL, in characters. */
export const MAX_DOCUMENT = 262_144;

const configMapKeyRef = z.object({
  name: secretKeyRef.shape.name.describe('Name of the ConfigMap, in the namespace of this resource.'),
  key: secretKeyRef.shape.key.describe("Key in the ConfigMap's data."),
});

/** Reference to a text in a ConfigMap. */
export type ConfigMapKeyRef = z.output<typeof configMapKeyRef>;

/** `openApi` of a ToolServer: an HTTP API, each of whose operations is a tool. */
export const openApiServer = withRules(
  z.object({
    url: httpUrl.describe(
      'Base URL of the API, to which the paths of its operations are added, whatever servers the document names. The ' +
        'credential is bound to its origin.',
    ),
    headers: fixedHeaders,
    documentUrl: httpUrl
      .optional()
      .describe(
        'URL of the OpenAPI document (3.0, 3.1, or Swagger 2.0; JSON up to 4 MiB, YAML up to 512 KiB), which is read at ' +
          'each listing. The credential goes there only where the origin is that of url.',
      ),
    document: z
      .string()
      .min(1)
      .max(MAX_DOCUMENT)
      .optional()
      .describe('The OpenAPI document itself, as JSON or YAML, in place of documentUrl.'),
    configMapRef: configMapKeyRef
      .optional()
      .describe(
        'Where the OpenAPI document stands, as JSON or YAML up to 256 KiB, in place of documentUrl. When it changes there, the ' +
          'tools do.',
      ),
    operations: z
      .object({
        ids: setOf(glob, 128)
          .optional()
          .describe('Operations by operationId, or by name of the tool; * stands for any characters.'),
        tags: setOf(z.string().min(1).max(128), 64).optional().describe('Operations that have one of these tags.'),
        methods: setOf(z.enum(['GET', 'PUT', 'POST', 'DELETE', 'PATCH']), 5)
          .optional()
          .describe(
            'Operations of these methods. An API as two servers, one of GET alone whose defaultClass is Read, needs no ' +
              'list of tools.',
          ),
      })
      .optional()
      .describe('Operations that become tools: those that fit all that is given here. Left out: all.'),
  }),
  [
    fixedHeadersRule('sallyport-'),
    {
      cel: '[has(self.document), has(self.documentUrl), has(self.configMapRef)].filter(x, x).size() == 1',
      message: 'exactly one of document, documentUrl and configMapRef must be given',
      holds: (o) => [o.document, o.documentUrl, o.configMapRef].filter((one) => one !== undefined).length === 1,
    },
  ],
);

type Spec = {
  readonly openApi?: z.output<typeof openApiServer> | undefined;
  readonly allowPrivateNetwork: boolean;
  readonly credentials?: { readonly parameter?: string | undefined } | undefined;
};

/** Rules over an API and what is said of the server beside it. */
export const openApiRules: readonly Rule<Spec>[] = [
  {
    cel: "!has(self.openApi) || !has(self.openApi.documentUrl) || self.openApi.documentUrl.startsWith('https://') || self.allowPrivateNetwork",
    message: 'documentUrl must be https unless allowPrivateNetwork is true',
    fieldPath: '.openApi.documentUrl',
    holds: ({ openApi, allowPrivateNetwork }) =>
      allowPrivateNetwork || (openApi?.documentUrl ?? 'https://').startsWith('https://'),
  },
  {
    cel: '!has(self.credentials) || !has(self.credentials.parameter) || has(self.openApi)',
    message: 'parameter is for openApi only',
    fieldPath: '.credentials.parameter',
    holds: ({ credentials, openApi }) => credentials?.parameter === undefined || openApi !== undefined,
  },
];

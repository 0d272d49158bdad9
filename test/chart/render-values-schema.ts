// Writes charts/sallyport/values.schema.json and README.md from values.yaml and the services' config schemas.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type ChartValue, readValues } from './values-document.ts';

type Schema = Record<string, unknown>;

const root = join(import.meta.dirname, '../..');
const chart = join(root, 'charts/sallyport');

/** The JSON Schema (draft-07) of the chart's values. */
export async function valuesSchema(text: string): Promise<Schema> {
  const values = readValues(text);
  const defaults = values.find(({ name }) => name === 'defaults');
  const shared = defaults === undefined ? {} : (schemaOf(defaults).properties as Schema);
  const properties: Schema = {};
  for (const value of values) {
    const { component } = value.hints;
    if (typeof component !== 'string') {
      properties[value.name] = schemaOf(value);
      continue;
    }
    const own = schemaOf({ ...value, hints: {} });
    const config = { description: textOf(value, 'config'), ...(await configSchemaOf(component)) };
    properties[value.name] = {
      ...own,
      properties: { ...shared, ...(own.properties as Schema), config },
    };
  }
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart sallyport',
    type: 'object',
    additionalProperties: false,
    // Helm hands these in for charts that are parts of others.
    properties: { global: { type: 'object' }, ...properties },
  };
}

function schemaOf(value: ChartValue): Schema {
  const described = value.text === '' ? {} : { description: value.text };
  if (value.children.length > 0 && value.hints.additionalProperties === undefined && !isQuantities(value)) {
    const properties = Object.fromEntries(value.children.map((child) => [child.name, schemaOf(child)]));
    return { type: 'object', ...described, additionalProperties: false, properties, ...value.hints };
  }
  if (isQuantities(value)) return { type: 'object', ...described, ...quantities };
  return { type: typeOf(value.value), ...described, ...value.hints };
}

// Resources of containers are written as Kubernetes has them.
const quantity = { type: 'object', additionalProperties: { type: ['string', 'number'] } };
const quantities = { additionalProperties: false, properties: { requests: quantity, limits: quantity } };
const isQuantities = (value: ChartValue) => value.name === 'resources';

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function textOf(value: ChartValue, child: string): string {
  return (
    value.children.find(({ name }) => name === child)?.text ||
    "Laid over the service's rendered config, see its config.ts."
  );
}

/** The service's own config schema, with nothing required: what is given lies over what the chart renders. */
async function configSchemaOf(component: string): Promise<Schema> {
  const module = (await import(join(root, 'services', component, 'src/config.ts'))) as Record<string, z.ZodType>;
  const schema = module.configSchema ?? module.demoConfig;
  if (schema === undefined) throw new Error(`services/${component}/src/config.ts exports no schema`);
  const json = z.toJSONSchema(schema, { io: 'input', target: 'draft-07', unrepresentable: 'any' });
  return partial(json) as Schema;
}

function partial(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(partial);
  if (typeof schema !== 'object' || schema === null) return schema;
  const kept = Object.entries(schema).filter(([key]) => key !== 'required' && key !== '$schema' && key !== 'default');
  return Object.fromEntries(kept.map(([key, value]) => [key, key === 'enum' ? value : partial(value)]));
}

/** The chart's README: what it needs, and every value with its default. */
export function readme(text: string): string {
  const rows = readValues(text).flatMap(rowsOf);
  return `<!-- Generated from values.yaml. Do not edit: run \`make generate\`. -->
# Chart sallyport

Kubernetes 1.29 or later; an Ingress controller or a Gateway; Postgres 15 to 18 (bundled for trials); Redis only where
\`policy\` has more than one replica.

\`\`\`sh
helm install sallyport charts/sallyport --namespace sallyport --create-namespace \\
  --set postgres.host=db.example.com --set postgres.admin.secretName=db-admin
# or all on one node, for a trial: -f charts/sallyport/ci/small-values.yaml
\`\`\`

## What it makes

- A Deployment for each service, a StatefulSet for \`model-proxy\` and \`mcp-broker\` (each pod has a spool of its own),
  all in pods that meet the Pod Security Standard \`restricted\`; only \`operator\` has a token of the API server.
- The custom resource definitions, as templates, so that an upgrade brings them up to date.
- A Job that fills the release's Secrets once (keys, database passwords) and issues the certificates of mode \`job\`; a
  CronJob that renews these. It may only get and patch the Secrets of this release.
- A Job that brings the database schemas up to date, by a lock one at a time. Services are not ready before.
- One Ingress or HTTPRoute over \`files/routes.yaml\`, NetworkPolicies from \`files/edges.yaml\`.

## Secrets to bring along

With \`secrets.generate: false\`, for each service with a schema in Postgres \`<fullname>-<component>-keys\`: \`postgres-password\`; in
those of vault also \`master-keys\`, of identity \`peppers\`, of audit, policy, quarantine and model-proxy \`seal-keys\`, and for console one with
\`session-keys\` alone, each a JSON list of
\`{"id": "k1", "key": "<32 bytes in base64>"}\`, newest first; and \`<fullname>-digest-keys\` with \`digest-key\`, at least 32
characters; where hosted tool servers are enabled, \`<fullname>-egress-keys\` with such an \`egress-key\`. With \`certificates.mode: existing\`, \`<fullname>-<component>-tls\` with \`tls.crt\`, \`tls.key\`, \`ca.crt\` for each
service but the demo, all of one CA of their own, with the component's plain name as the first DNS name.

Key material is kept on uninstall (\`helm.sh/resource-policy\`) when the database is not the bundled one: without it, what
is sealed in there is lost.

### Master keys of vault: rotate, back up, restore, lose

- **Where they are**: the Secret above; a file; or HashiCorp Vault's transit engine with \`vault.config.transit\`
  (\`address\`, \`mount\`, \`key\`, \`tokenFile\`; an agent sidecar writes the token). With both, new data keys are wrapped by
  transit and the Secret opens what it wrapped before; leave it out once \`sallyport_vault_data_keys_left\` is 0.
- **Rotate**: put a new key in front of the list in the Secret (in transit: rotate the key). Nothing is restarted: each
  replica reads it again, the new key is used once all replicas have it, data keys go over in the background. When
  \`sallyport_vault_data_keys_left\` is 0 on every replica, take the old key out. Values are not sealed anew.
- **Back up**: the database (schema \`sallyport_vault\`, all tables: what people put in and connected is beside \`secrets\`) and,
  apart from it, the master keys. Neither is of use without the other. Back up again after a rotation.
- **Restore**: the Secret with at least the keys that \`select distinct master_id from data_keys\` names, then the dump, then
  start. A replica without one of these keys does not become ready and says which is missing.
- **A master key is lost**: what its data keys seal cannot be opened by anybody. Make a new key, delete the rows of
  \`data_keys\` under the lost one after those that refer to them (\`delete from secrets where data_key_id in (select id
  from data_keys where master_id = '…')\`; likewise \`owned_credentials\`, \`oauth_clients\`, \`oauth_flows\`,
  \`oauth_grants\`; with the setting \`sallyport.tenant\` at \`'*'\`), start vault: the operator hands all values
  of Secrets in again within five minutes, and people connect tool servers and put in keys of their own anew.
- **A master key was seen by others**: rotate, take it out, then change the credentials themselves at their providers.

## Values

| value | default | |
|---|---|---|
${rows.join('\n')}
`;
}

function rowsOf(value: ChartValue): string[] {
  const below = value.hints.additionalProperties === undefined && !isQuantities(value) ? value.children : [];
  const cell = (content: string) => content.replaceAll('|', '\\|');
  if (below.length === 0)
    return [`| \`${value.path}\` | \`${cell(JSON.stringify(value.value))}\` | ${cell(value.text)} |`];
  const own = value.text === '' ? [] : [`| **\`${value.path}\`** | | ${cell(value.text)} |`];
  return [...own, ...below.flatMap(rowsOf)];
}

if (import.meta.main) {
  const text = readFileSync(join(chart, 'values.yaml'), 'utf8');
  writeFileSync(join(chart, 'values.schema.json'), `${JSON.stringify(await valuesSchema(text), null, 2)}\n`);
  writeFileSync(join(chart, 'README.md'), readme(text));
}

import { stringify } from 'yaml';
import { group, type ResourceDefinition, version } from './define-resource.ts';
import { openApiSchema } from './schema.ts';

/** The CustomResourceDefinition of a kind, as the API server takes it. */
export function crdOf(definition: ResourceDefinition): Record<string, unknown> {
  const { kind, plural, shortNames, description, columns } = definition;
  const schema = {
    type: 'object',
    description,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string', description: 'Version of the schema of this object.' },
      kind: { type: 'string', description: 'Kind of this object.' },
      metadata: { type: 'object' },
      spec: openApiSchema(definition.spec),
      status: openApiSchema(definition.status),
    },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, labels: { 'app.kubernetes.io/part-of': 'sallyport' } },
    spec: {
      group,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames,
        categories: ['sallyport'],
      },
      scope: 'Namespaced',
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema: schema },
        },
      ],
    },
  };
}

const header = '# Generated from services/custom-resources. Do not edit: run `make generate`.\n';

/** A CRD as YAML, for kubectl. Helm and kubectl read YAML 1.1, in which `on` and `off` are booleans where they stand bare. */
export function crdYaml(definition: ResourceDefinition): string {
  return stringify(crdOf(definition), { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false });
}

/** All CRDs in one file, for those who do not use Helm. */
export function crdsYaml(definitions: readonly ResourceDefinition[]): string {
  return header + definitions.map(crdYaml).join('---\n');
}

/**
 * A CRD as a template of the chart: behind `crds.enabled`, and kept at uninstall by `crds.keep`. Nothing in a CRD may
 * look like a template action, since Helm would run it.
 */
export function crdTemplate(definition: ResourceDefinition): string {
  const yaml = crdYaml(definition);
  if (yaml.includes('{{')) throw new Error(`CRD of ${definition.kind} contains a template action`);
  const keep = [
    '  {{- if .Values.crds.keep }}',
    '  annotations:',
    '    helm.sh/resource-policy: keep',
    '  {{- end }}',
    '  labels:',
  ].join('\n');
  return `${header}{{- if .Values.crds.enabled }}\n${yaml.replace('\n  labels:', `\n${keep}`)}{{- end }}\n`;
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { kinds } from '@sallyport/custom-resources';
import { crdOf } from '@sallyport/custom-resources/crd';
import { helm, objectsIn, ofKind, renderText, root, scenarios } from './helm.ts';

const withHelm = helm === undefined ? describe.skip : describe;
const ours = Object.values(kinds).map((definition) => JSON.parse(JSON.stringify(crdOf(definition))));
const byName = (objects: readonly { metadata: { name: string } }[]) =>
  Object.fromEntries(objects.map((object) => [object.metadata.name, object]));

describe('the CRDs for kubectl', () => {
  it.each(['1.1', '1.2'] as const)('[chart:yaml] are those that we mean, to a reader of YAML %s', (version) => {
    const read = objectsIn(readFileSync(join(root, 'deploy/crds.yaml'), 'utf8'), version);
    expect(read.length).toBeGreaterThan(10);
    expect(byName(read)).toEqual(byName(ours));
  });
});

const specs = (objects: readonly { metadata: { name: string }; spec?: unknown }[]) =>
  Object.fromEntries(objects.map(({ metadata, spec }) => [metadata.name, spec]));
// What files are set to is written in octal as everywhere in Kubernetes, and has to be read as that.
const withModes = (text: string) =>
  text.replace(/(?<=\bdefaultMode: )0(\d{3})$/gm, (_, mode) => `${parseInt(mode, 8)}`);

withHelm('what helm renders', () => {
  it.each(scenarios)('[chart:yaml] means the same to a reader of YAML 1.1 and of 1.2: %s', (scenario) => {
    const text = renderText(scenario);
    const asHelm = objectsIn(text, '1.1');
    expect(asHelm).toEqual(objectsIn(withModes(text), '1.2'));
    const crds = specs(ofKind(asHelm, 'CustomResourceDefinition'));
    expect([{}, specs(ours)]).toContainEqual(crds);
  });
});

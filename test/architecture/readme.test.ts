import { describe, expect, it } from '@jest/globals';
import {
  isSecret,
  parseResource,
  parseSecret,
  parseYaml,
  type ToolPolicySpec,
  toolPolicyFaults,
} from '@sallyport/custom-resources';
import { readmeBlocks } from '../support/readme.ts';

const API = 'apiVersion: sallyport.dev/v1alpha1\n';
const ofServer = (fields: string) =>
  `${API}kind: ToolServer\nmetadata: { name: part }\nspec:\n  remote: { url: https://part.example.com/mcp }\n${fields.replace(/^(?=.)/gm, '  ')}`;

/** A document of the README as one writes it whole: the API is left out there, and of a tool server all but some fields. */
function whole(document: string): string {
  if (!/^kind: /m.test(document)) return ofServer(document);
  return /^apiVersion: /m.test(document) ? document : `${API}${document}`;
}

describe('resources in the README', () => {
  const documents = readmeBlocks('yaml').flatMap((block) => block.split(/^---$/m));
  const nameOf = (text: string) =>
    /^kind: (\w+)[\s\S]*?name: ([\w-]+)/m.exec(text)?.slice(1).join(' ') ?? 'fields of a ToolServer';
  const named = documents.map((text): [string, string] => [nameOf(text), text]);

  it.each(named)('[house:readme] are valid as they are printed: %s', (_name, text) => {
    const [document, ...more] = parseYaml(whole(text));
    expect([document?.faults, more]).toEqual([[], []]);
    const { value } = document as { value: unknown };
    const parsed = isSecret(value) ? parseSecret(value) : parseResource(value);
    expect(parsed).toMatchObject({ ok: true });
    if (parsed.ok && 'kind' in parsed.value && parsed.value.kind === 'ToolPolicy') {
      expect(toolPolicyFaults(parsed.value.spec as ToolPolicySpec)).toEqual([]);
    }
  });
});

import { describe, expect, it } from '@jest/globals';
import { lintFiles } from './lint.ts';

const YAML = `
apiVersion: sallyport.dev/v1alpha1
kind: ToolServer
metadata: { name: jira }
spec: { remote: { url: https://jira.example/mcp }, tools: [{ name: delete, class: Write, enabled: false }] }
---
apiVersion: sallyport.dev/v1alpha1
kind: ToolServer
metadata: { name: bank }
spec: { remote: { url: https://bank.example/mcp }, stage: Sandbox, reviewers: { teams: [security] } }
---
apiVersion: sallyport.dev/v1alpha1
kind: ToolServer
metadata: { name: crm }
spec: { remote: { url: https://crm.example/mcp }, reviewers: { teams: [security] } }
---
apiVersion: sallyport.dev/v1alpha1
kind: Toolset
metadata: { name: jira }
spec: { tools: [{ server: jira, tool: delete }, { server: bank, tool: pay }, { server: jira, tool: create }] }
`;

describe('lint of tool servers and toolsets', () => {
  it('[lint:catalog] remarks on picks that offer nothing, on names that mean two things, and on what waits for reviewers', () => {
    const found = lintFiles([{ path: 'tools.yaml', text: YAML }]);
    expect(found.filter(({ severity }) => severity === 'error')).toEqual([]);
    const said = found.map(({ subject, path, message }) => `${subject} ${path}: ${message}`);
    expect(said).toEqual(
      expect.arrayContaining([
        'Toolset default/jira spec.tools[0]: jira/delete is not enabled: nothing is picked',
        'Toolset default/jira spec.tools[1]: ToolServer bank is in stage Sandbox: only its reviewers see this',
        'Toolset default/jira metadata.name: a ToolServer has this name: server_label means that one',
        'ToolServer default/crm spec.tools: no definition is named by its digest, so none is offered: see sallyport promote',
      ]),
    );
    expect(said.filter((one) => one.includes('spec.tools[2]'))).toEqual([]);
  });

  it('[lint:catalog] refuses a server in stage Sandbox that nobody reviews', () => {
    const text = YAML.replace(', reviewers: { teams: [security] }', '');
    const [fault] = lintFiles([{ path: 'tools.yaml', text }]).filter(({ severity }) => severity === 'error');
    expect(fault).toMatchObject({ subject: 'ToolServer default/bank', path: 'spec.reviewers' });
  });
});

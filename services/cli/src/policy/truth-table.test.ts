import { describe, expect, it } from '@jest/globals';
import { readResources } from './files.ts';
import { tableText } from './table-command.ts';
import { truthTables } from './truth-table.ts';

const policy = (tool: string, calls: string) => `
apiVersion: sallyport.dev/v1alpha1
kind: ToolPolicy
metadata: { name: p }
spec:
  tools: [{ server: "*", tool: ${tool} }]
  calls: ${calls}
`;
const server = (tools: string) => `
apiVersion: sallyport.dev/v1alpha1
kind: ToolServer
metadata: { name: desk }
spec: { remote: { url: "https://example.com/mcp" }, tools: ${tools} }
`;
const tables = async (...documents: string[]) =>
  truthTables(readResources([{ path: 'p.yaml', text: documents.join('---') }]));
const lines = async (...documents: string[]) =>
  (await tables(...documents)).flatMap((table) =>
    tableText(table)
      .trimEnd()
      .split('\n')
      .map((line) => line.trim().replace(/ {2,}/g, ' | ')),
  );

describe('the truth table', () => {
  it('[cli:policy-table] has one row for what nothing distinguishes', async () => {
    const rules =
      '[{ name: ok, when: known(args.to), action: Allow, reason: r }, { name: no, action: Ask, reason: r, mode: Enforce }]';
    expect(await lines(policy('send', rules), server('[{ name: send, class: Egress }]'))).toEqual([
      'desk/send',
      '/to | CONTEXT | CLASS | MODE | DECISION | RULE',
      'typed trusted absent | – | Egress | – | allow | p/ok',
      'handle composed | – | Egress | – | ask | p/no',
    ]);
  });

  it('[cli:policy-table] shows what built-in rules do of tools that no rule speaks of', async () => {
    expect(
      await lines(
        server(
          '[{ name: note, class: Write }, { name: save, class: Write }, { name: off, class: Write, enabled: false }]',
        ),
      ),
    ).toEqual([
      'desk/note, desk/save',
      'CONTEXT | CLASS | MODE | DECISION | RULE',
      'trusted | Write | – | allow | builtin/authorised',
      'untrusted | Write | Enforce | deny | builtin/side-effects',
      'untrusted | Write | Observe | allow (would deny) | builtin/side-effects',
    ]);
  });

  it('[cli:policy-table] tells classes apart where no tool server says which it is', async () => {
    const rules = '[{ name: no, when: tool.class == "sensitive", action: Deny, reason: r, mode: Enforce }]';
    const [table] = await tables(policy('send', rules));
    expect(table?.tools).toEqual(['*/send']);
    const denied = table?.rows.filter(({ rule }) => rule === 'p/no') ?? [];
    expect(new Set(denied.flatMap(({ classes }) => classes))).toEqual(new Set(['Sensitive']));
    expect(denied[0]).toMatchObject({ context: ['trusted'], mode: ['Enforce'], decision: 'deny' });
  });

  it('[cli:policy-table] has a column for each argument that a rule finds among the origins', async () => {
    const rules = `[{ name: no, when: 'origins["/a/b"] != "typed"', action: Deny, reason: r, mode: Enforce }]`;
    const [table] = await tables(policy('send', rules), server('[{ name: send, class: Read }]'));
    expect(table?.arguments).toEqual(['/a/b']);
    expect(table?.rows.find(({ decision }) => decision === 'allow')?.origins).toEqual([['typed']]);
  });

  it('[cli:policy-table] leaves out what stands in another namespace, and says where rules ask too much for a table', async () => {
    const other = server('[{ name: far, class: Write }]').replace('{ name: desk }', '{ name: desk, namespace: acme }');
    const rules = policy('"*"', '[{ name: no, action: Deny, reason: r, mode: Enforce }]');
    const elsewhere = rules.replace('{ name: p }', '{ name: p, namespace: acme }');
    const here = await tables(other, elsewhere, server('[{ name: near, class: Read }]'));
    expect(here.map((table) => [table.tools, table.rows.map(({ rule }) => rule)])).toEqual([
      [['desk/near'], ['builtin/authorised']],
    ]);
    const six = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `known(args.${name})`).join(' && ');
    await expect(tables(policy('send', `[{ name: no, when: "${six}", action: Deny, reason: r }]`))).rejects.toThrow(
      /6 arguments of send; a table shows 5/,
    );
  });
});

import { describe, expect, it } from '@jest/globals';
import type { BrokerTool } from '../catalog.ts';
import { plainly } from '../toolset.ts';
import { rankTools } from './rank.ts';
import { wordsOf } from './words.ts';

const tool = (server: string, name: string, description: string, args: string[] = []) =>
  plainly({
    server: { name: server },
    exposedName: `${server}__${name}`,
    definition: {
      name,
      description,
      inputSchema: { type: 'object', properties: Object.fromEntries(args.map((one) => [one, {}])) },
    },
  } as unknown as BrokerTool);
const TOOLS = [
  tool('jira', 'create_issue', 'Creates an issue in a project.', ['project', 'summary']),
  tool('jira', 'searchIssues', 'Finds issues by a query.', ['jql']),
  tool('github', 'create_pull_request', 'Opens a pull request.', ['repository', 'branch']),
  tool('mail', 'send', 'Sends a message to people.', ['to', 'subject']),
  tool('files', 'read_file', '读取文件内容', ['path']),
];
const names = (query: string, limit = 10, tools = TOOLS) => rankTools(tools, query, limit).map(({ name }) => name);

describe('search of tools', () => {
  it.each([
    ['create an issue', 'jira__create_issue'],
    ['searching issue', 'jira__searchIssues'],
    ['pull requests of a repository', 'github__create_pull_request'],
    ['SENDS MESSAGES', 'mail__send'],
    ['文件', 'files__read_file'],
    ['jira__searchIssues', 'jira__searchIssues'],
    ['send', 'mail__send'],
  ])('[catalog:search] finds for %j first %s', (query, first) => {
    expect(names(query)[0]).toBe(first);
  });

  it('[catalog:search] gives nothing where nothing fits, and no more than asked for, always in one order', () => {
    expect(names('zebra')).toEqual([]);
    expect(names('?!')).toEqual([]);
    expect(names('create', 1)).toHaveLength(1);
    expect(names('create issue request')).toEqual(names('create issue request', 10, [...TOOLS].reverse()));
  });

  it('[catalog:search-scope] is by figures of the tools that the asker may use alone', () => {
    // Were the words of others counted, "issue" would weigh less than "request" once many have it.
    const others = Array.from({ length: 200 }, (_, at) => tool('secret', `issue_${at}`, 'An issue of others.'));
    const mine = names('issue request');
    rankTools([...TOOLS, ...others], 'issue request', 10);
    expect(names('issue request')).toEqual(mine);
  });

  it('[catalog:search-scale] looks through ten thousand tools within some milliseconds', () => {
    const kinds = ['create', 'read', 'update', 'delete', 'list', 'search', 'export', 'import', 'share', 'archive'];
    const many = Array.from({ length: 10_000 }, (_, at) =>
      tool(
        `server-${at % 200}`,
        `${kinds[at % 10]}_thing_${at}`,
        `Does ${kinds[at % 10]} on thing number ${at} of a kind.`,
        ['id', 'name'],
      ),
    );
    rankTools(many, 'warm', 1);
    // Processor time, and the least of nine: what else the machine does, and who shares its cores, only adds to it.
    const took = Array.from({ length: 9 }, (_, at) => {
      const before = process.cpuUsage();
      expect(names(`archive thing ${at}9`, 10, many)).toHaveLength(10);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1_000;
    });
    expect(Math.min(...took)).toBeLessThan(60);
  });

  it('takes words apart as people read them', () => {
    expect(wordsOf('createIssues')).toEqual(wordsOf('Create-issue'));
    expect(wordsOf('HTTPServer v2')).toEqual(['httpserver', 'v', '2']);
    expect(wordsOf('running copies boxes')).toEqual(['run', 'copy', 'box']);
  });
});

import type { Prompt, PromptMessage, ReadResourceResult, Resource, Server } from '@modelcontextprotocol/server';

/** What a fake tool server has besides tools; a test may change it in place. */
export interface FakeOfferings {
  resources: Resource[];
  templates: { uriTemplate: string; name: string; description?: string }[];
  prompts: Prompt[];
  /** Contents of a resource; undefined: there is none. */
  read: (uri: string) => ReadResourceResult['contents'] | undefined | Promise<ReadResourceResult['contents']>;
  say: (name: string, args: Record<string, string>) => PromptMessage[];
  propose: (ref: object, argument: { name: string; value: string }) => string[];
  /** Every request for one of them, in order: method and what it named. */
  readonly asked: string[];
}

/** Gives a fake tool server resources, prompts and completions (`FakeToolServerOptions.more`). */
export function withOfferings(offerings: FakeOfferings): (server: Server) => void {
  const { asked } = offerings;
  return (server) => {
    server.registerCapabilities({ resources: {}, prompts: {}, completions: {} });
    server.setRequestHandler('resources/list', () => {
      asked.push('resources/list');
      return { resources: offerings.resources };
    });
    server.setRequestHandler('resources/templates/list', () => ({ resourceTemplates: offerings.templates }));
    server.setRequestHandler('prompts/list', () => ({ prompts: offerings.prompts }));
    server.setRequestHandler('resources/read', async ({ params }) => {
      asked.push(`resources/read ${params.uri}`);
      const contents = await offerings.read(params.uri);
      if (contents === undefined) throw new Error(`no such thing: ${params.uri}`);
      return { contents };
    });
    server.setRequestHandler('prompts/get', ({ params }) => {
      asked.push(`prompts/get ${params.name}`);
      return { messages: offerings.say(params.name, params.arguments ?? {}) };
    });
    server.setRequestHandler('completion/complete', ({ params }) => {
      asked.push(`completion/complete ${JSON.stringify(params.ref)}`);
      return { completion: { values: offerings.propose(params.ref, params.argument) } };
    });
  };
}

/** Nothing yet. */
export function noOfferings(): FakeOfferings {
  return {
    resources: [],
    templates: [],
    prompts: [],
    read: () => undefined,
    say: () => [],
    propose: () => [],
    asked: [],
  };
}

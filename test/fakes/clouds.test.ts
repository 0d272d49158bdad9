import {
  BedrockRuntimeClient,
  ConverseCommand,
  type ConverseCommandInput,
  ConverseStreamCommand,
} from '@aws-sdk/client-bedrock-runtime';
import { GoogleGenAI } from '@google/genai';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { AzureOpenAI } from 'openai';
import { shareGlobalDispatcher } from '../support/global-dispatcher.ts';
import { CITIES, type FakeClouds, startFakeClouds } from './clouds.ts';

const messages: ConverseCommandInput['messages'] = [{ role: 'user', content: [{ text: 'hello fox' }] }];
const toolConfig = { tools: [{ toolSpec: { name: 'weather', inputSchema: { json: { type: 'object' } } } }] };

shareGlobalDispatcher();

describe('the fake clouds', () => {
  let clouds: FakeClouds;
  let bedrock: BedrockRuntimeClient;

  const clientWith = (credentials: FakeClouds['aws']) =>
    new BedrockRuntimeClient({
      endpoint: clouds.url,
      region: 'eu-central-1',
      credentials,
      maxAttempts: 1,
      requestHandler: new NodeHttpHandler(),
    });

  beforeAll(async () => {
    clouds = await startFakeClouds();
    bedrock = clientWith(clouds.aws);
  });
  afterAll(() => clouds.close());

  it('answer the client of AWS as Bedrock does, whole and in a binary stream that is cut anywhere', async () => {
    const modelId = 'anthropic.claude-haiku-4-5-20251001-v1:0';
    const whole = await bedrock.send(new ConverseCommand({ modelId, messages }));
    expect(whole.output?.message?.content).toEqual([{ text: 'hello fox' }]);
    const streamed = await bedrock.send(new ConverseStreamCommand({ modelId, messages, toolConfig }));
    const inputs: string[] = [];
    let stopReason: string | undefined;
    for await (const event of streamed.stream ?? []) {
      const at = event.contentBlockDelta?.contentBlockIndex ?? 0;
      inputs[at] = (inputs[at] ?? '') + (event.contentBlockDelta?.delta?.toolUse?.input ?? '');
      stopReason = event.messageStop?.stopReason ?? stopReason;
    }
    expect(inputs.map((text) => JSON.parse(text) as object)).toEqual(CITIES.map((city) => ({ city })));
    expect(stopReason).toBe('tool_use');
  });

  it('refuse what AWS would: a wrong secret, another session, exceptions by their names', async () => {
    const send = (client: BedrockRuntimeClient, modelId = 'm') =>
      client.send(new ConverseCommand({ modelId, messages }));
    const wrong = clientWith({ ...clouds.aws, secretAccessKey: 'another' });
    await expect(send(wrong)).rejects.toMatchObject({ name: 'UnrecognizedClientException' });
    const other = clientWith({ ...clouds.aws, sessionToken: 'another' });
    await expect(send(other)).rejects.toMatchObject({ name: 'UnrecognizedClientException' });
    await expect(send(bedrock, 'throttled')).rejects.toMatchObject({ name: 'ThrottlingException' });
    const streamed = await bedrock.send(new ConverseStreamCommand({ modelId: 'breaks', messages }));
    const read = async () => {
      for await (const _event of streamed.stream ?? []);
    };
    await expect(read()).rejects.toMatchObject({ name: 'ModelStreamErrorException' });
  });

  it('answer the clients of Azure and Vertex AI by their paths, and want what these send', async () => {
    const azure = new AzureOpenAI({
      endpoint: clouds.url,
      apiKey: clouds.key,
      apiVersion: '2024-10-21',
      deployment: 'gpt',
      maxRetries: 0,
    });
    const chat = await azure.chat.completions.create({ model: '', messages: [{ role: 'user', content: 'hello fox' }] });
    expect(chat.choices[0]?.message.content).toBe('hello fox');
    const { body } = (await clouds.tokens.answer('/azure/token', new URLSearchParams({ grant_type: 'no' })))!;
    expect(body).toMatchObject({ error: 'invalid_client' });
    const vertex = new GoogleGenAI({
      vertexai: true,
      project: 'acme',
      location: 'eu',
      googleAuthOptions: {
        authClient: { getRequestHeaders: async () => new Headers({ 'x-goog-api-key': clouds.key }) } as never,
      },
      httpOptions: { baseUrl: clouds.url, apiVersion: 'v1' },
    });
    const answer = await vertex.models.generateContent({ model: 'gemini-2.5-flash', contents: 'hello fox' });
    expect(answer.text).toBe('hello fox');
    let text = '';
    for await (const chunk of await vertex.models.generateContentStream({
      model: 'gemini-2.5-flash',
      contents: 'hello fox',
    }))
      text += chunk.text ?? '';
    expect(text).toBe('hello fox');
  });
});

import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { AgentCard, Message, Part, Task } from '@a2a-js/sdk';
import { Role, TaskState } from '@a2a-js/sdk';
import {
  AgentEvent,
  type AgentExecutor,
  DefaultRequestHandler,
  InMemoryTaskStore,
  type RequestContext,
} from '@a2a-js/sdk/server';
import { jsonRpcHandler, UserBuilder } from '@a2a-js/sdk/server/express';
import express from 'express';
import { type ListenOptions, listen, type RecordedRequest, recordRequest } from './listening.ts';

/** How a fake agent listens and what it is. */
export interface FakeAgentOptions extends ListenOptions {
  readonly name?: string;
  readonly description?: string;
  /** Which revisions it serves and names in its card; default both. */
  readonly revisions?: readonly ('1.0' | '0.3')[];
  readonly streaming?: boolean;
  /** Demanded as bearer for everything but the card; absent: none. */
  readonly key?: string;
}

/** An agent by the official SDK, which does what its messages say, under a test's control. */
export interface FakeAgent {
  /** `http://host:port`, with the card at its well-known place. */
  readonly url: string;
  readonly requests: RecordedRequest[];
  /** Texts that it was told. */
  readonly heard: string[];
  /** Changes what is laid over its card. */
  setCard(over: object): void;
  /** Answers requests in place of the agent where it returns true. */
  setAnswer(answer: ((request: RecordedRequest, res: ServerResponse) => boolean) | undefined): void;
  close(): Promise<void>;
}

/**
 * Starts one. It answers `echo …` with a message, `task …` with a finished task, `stream a b c` with a task whose artifact
 * comes word by word, `leak` likewise with `fine poison after`, `fail …` with a failed task, `hang` with a task that works until it is cancelled.
 */
export async function startFakeAgent(options: FakeAgentOptions = {}): Promise<FakeAgent> {
  const {
    name = 'Fake',
    description = 'Does what it is told.',
    revisions = ['1.0', '0.3'],
    streaming = true,
  } = options;
  const requests: RecordedRequest[] = [];
  const heard: string[] = [];
  let over: object = {};
  let answer: Parameters<FakeAgent['setAnswer']>[0];
  const executor = executorOf(heard);
  let handler: ReturnType<typeof express> | undefined;

  const { url, close } = await listen(async (req, res) => {
    const request = await recordRequest(req);
    requests.push(request);
    res.once('close', () => {
      if (!res.writableFinished) request.aborted = true;
    });
    if (answer?.(request, res) === true) return;
    const card = cardOf(url, { name, description, revisions, streaming });
    if (request.path === '/.well-known/agent-card.json') {
      res.setHeader('content-type', 'application/json');
      return void res.end(JSON.stringify({ ...wireCard(card, revisions), ...over }));
    }
    if (options.key !== undefined && request.headers.authorization !== `Bearer ${options.key}`) {
      return void res.writeHead(401).end();
    }
    handler ??= appOf(card, executor);
    Object.assign(req, { body: request.json });
    handler(req, res);
  }, options);
  return {
    url,
    requests,
    heard,
    setCard: (given) => {
      over = given;
    },
    setAnswer: (given) => {
      answer = given;
    },
    close,
  };
}

function appOf(card: AgentCard, executor: AgentExecutor): ReturnType<typeof express> {
  const app = express();
  const requestHandler = new DefaultRequestHandler(card, new InMemoryTaskStore(), executor);
  app.use(
    '/a2a',
    jsonRpcHandler({ requestHandler, userBuilder: UserBuilder.noAuthentication, legacyCompat: { enabled: true } }),
  );
  return app;
}

function cardOf(
  url: string,
  {
    name,
    description,
    revisions,
    streaming,
  }: Required<Pick<FakeAgentOptions, 'name' | 'description' | 'revisions' | 'streaming'>>,
): AgentCard {
  return {
    name,
    description,
    version: '1.2.3',
    supportedInterfaces: revisions.map((protocolVersion) => ({
      url: `${url}/a2a`,
      protocolBinding: 'JSONRPC',
      protocolVersion,
      tenant: '',
    })),
    provider: undefined,
    capabilities: { streaming, pushNotifications: true, extensions: [] },
    securitySchemes: {},
    securityRequirements: [],
    defaultInputModes: ['text/plain'],
    defaultOutputModes: ['text/plain'],
    skills: [
      {
        id: 'doing',
        name: 'Doing',
        description: 'Does things.',
        tags: ['do'],
        examples: ['echo hello'],
        inputModes: [],
        outputModes: [],
        securityRequirements: [],
      },
    ],
    signatures: [{ protected: 'e30', signature: 'c2ln', header: undefined }],
  };
}

/** The card as an agent of these revisions writes it. */
function wireCard(card: AgentCard, revisions: readonly string[]): object {
  if (revisions.includes('1.0')) return card;
  const { supportedInterfaces, securityRequirements: _requirements, ...rest } = card;
  return { ...rest, protocolVersion: '0.3.0', url: supportedInterfaces[0]?.url, preferredTransport: 'JSONRPC' };
}

function textPart(text: string): Part {
  return { content: { $case: 'text', value: text }, metadata: undefined, filename: '', mediaType: '' };
}

function executorOf(heard: string[]): AgentExecutor {
  const cancelled = new Map<string, () => void>();
  const contexts = new Map<string, string>();
  const status = (state: TaskState, text?: string, at?: { taskId: string; contextId: string }) => ({
    state,
    message: text === undefined ? undefined : messageOf(text, at),
    timestamp: new Date().toISOString(),
  });
  return {
    async execute({ taskId, contextId, userMessage, task }: RequestContext, bus) {
      const at = { taskId, contextId };
      contexts.set(taskId, contextId);
      const text = userMessage.parts
        .flatMap(({ content }) => (content?.$case === 'text' ? [content.value] : []))
        .join(' ');
      heard.push(text);
      const [verb, ...words] = text.split(' ');
      if (verb === 'echo') {
        bus.publish(AgentEvent.message(messageOf(words.join(' '), { taskId: '', contextId })));
        return bus.finished();
      }
      const began: Task = task ?? {
        id: taskId,
        contextId,
        status: status(TaskState.TASK_STATE_SUBMITTED),
        artifacts: [],
        history: [userMessage],
        metadata: undefined,
      };
      bus.publish(AgentEvent.task(began));
      const artifact = (word: string, append: boolean) => {
        const one = {
          artifactId: 'a',
          name: 'words',
          description: '',
          parts: [textPart(word)],
          metadata: undefined,
          extensions: [],
        };
        bus.publish(AgentEvent.artifactUpdate({ ...at, artifact: one, append, lastChunk: false, metadata: undefined }));
      };
      const end = (state: TaskState, said?: string) => {
        bus.publish(AgentEvent.statusUpdate({ ...at, status: status(state, said, at), metadata: undefined }));
        bus.finished();
      };
      if (verb === 'hang') {
        bus.publish(
          AgentEvent.statusUpdate({ ...at, status: status(TaskState.TASK_STATE_WORKING), metadata: undefined }),
        );
        await new Promise<void>((resolve) => cancelled.set(taskId, resolve));
        return end(TaskState.TASK_STATE_CANCELED);
      }
      if (verb === 'fail') return end(TaskState.TASK_STATE_FAILED, words.join(' '));
      if (verb === 'ask') return end(TaskState.TASK_STATE_INPUT_REQUIRED, words.join(' '));
      if (verb === 'stream' || verb === 'leak') {
        const told = verb === 'leak' ? ['fine', 'poison', 'after'] : words;
        for (const [at_, word] of told.entries()) {
          artifact(word, at_ > 0);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      } else artifact(words.join(' '), false);
      end(TaskState.TASK_STATE_COMPLETED);
    },
    async cancelTask(taskId, bus) {
      const contextId = contexts.get(taskId) ?? '';
      const left = cancelled.get(taskId);
      if (left !== undefined) return left();
      bus.publish(
        AgentEvent.statusUpdate({
          taskId,
          contextId,
          status: status(TaskState.TASK_STATE_CANCELED),
          metadata: undefined,
        }),
      );
      bus.finished();
    },
  };
}

function messageOf(text: string, at: { taskId: string; contextId: string } = { taskId: '', contextId: '' }): Message {
  return {
    messageId: randomUUID(),
    ...at,
    role: Role.ROLE_AGENT,
    parts: [textPart(text)],
    metadata: undefined,
    extensions: [],
    referenceTaskIds: [],
  };
}

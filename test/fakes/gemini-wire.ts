/** A call of a fake model, its arguments as JSON text. */
interface Call {
  readonly id: string;
  readonly name: string;
  readonly json: string;
}
interface Usage {
  readonly input: number;
  readonly output: number;
}

const NAMES = { modelVersion: 'gemini-fake', responseId: 'fake-response' };

/** Signs a call as Gemini 3 does; a provider of that line refuses a history whose calls lack it. */
export const FAKE_SIGNATURE = Buffer.from('signed by the fake').toString('base64');

/** What a path of generateContent asks for; undefined for other paths. */
export function geminiPath(path: string): { model: string; stream: boolean } | undefined {
  const found = /^\/gemini\/v1beta\/models\/([^/]+):(generateContent|streamGenerateContent\?alt=sse)$/.exec(path);
  if (found === null) return undefined;
  return { model: decodeURIComponent(found[1] as string), stream: found[2] !== 'generateContent' };
}

/** The whole answer. */
export function renderGemini(text: string, calls: readonly Call[], usage: Usage): object {
  const parts = [...(text === '' ? [] : [{ text }]), ...calls.map(callPart)];
  return chunk(parts, usage, 'STOP');
}

/** The answer as server-sent events: each a whole answer with some parts, and no mark at the end. */
export function* geminiFrames(chunks: readonly string[], calls: readonly Call[], usage: Usage): Generator<string> {
  const frame = (body: object) => `data: ${JSON.stringify(body)}\r\n\r\n`;
  for (const text of chunks) yield frame(chunk([{ text }], { ...usage, output: 1 }));
  if (calls.length > 0) yield frame(chunk(calls.map(callPart), { ...usage, output: 1 }));
  yield frame(chunk([{ text: '' }], usage, 'STOP'));
}

/** An error as google.rpc.Status. */
export function geminiError(status: number, message: string): object {
  const words: Record<number, string> = {
    400: 'INVALID_ARGUMENT',
    401: 'UNAUTHENTICATED',
    404: 'NOT_FOUND',
    429: 'RESOURCE_EXHAUSTED',
  };
  return { error: { code: status, message, status: words[status] ?? 'INTERNAL' } };
}

/** The text of the last content, results of functions included. */
export function lastGeminiText(json: Readonly<Record<string, unknown>>): string {
  const contents = json.contents as { parts?: { text?: string; functionResponse?: { response: unknown } }[] }[];
  const parts = contents.at(-1)?.parts ?? [];
  return parts.map((part) => part.text ?? JSON.stringify(part.functionResponse?.response ?? '')).join('') || 'ok';
}

/** Why a request would be refused by Gemini 3; undefined: it would not. */
export function geminiFault(json: Readonly<Record<string, unknown>>): string | undefined {
  if (!Array.isArray(json.contents) || json.contents.length === 0) return 'contents is not specified';
  for (const name of ['model', 'stream', 'messages']) if (name in json) return `Unknown name "${name}"`;
  for (const { role, parts } of json.contents as { role: string; parts: Record<string, unknown>[] }[]) {
    const call = role === 'model' ? parts.find((part) => 'functionCall' in part) : undefined;
    if (call !== undefined && call.thoughtSignature === undefined)
      return 'Function call is missing a thought_signature';
  }
  return undefined;
}

function chunk(parts: readonly object[], { input, output }: Usage, finishReason?: string): object {
  return {
    candidates: [{ content: { parts, role: 'model' }, ...(finishReason ? { finishReason } : {}), index: 0 }],
    usageMetadata: { promptTokenCount: input, candidatesTokenCount: output, totalTokenCount: input + output },
    ...NAMES,
  };
}

function callPart({ name, json }: Call, index: number): object {
  const functionCall = { name, args: JSON.parse(json) as unknown };
  return index === 0 ? { functionCall, thoughtSignature: FAKE_SIGNATURE } : { functionCall };
}

import { DecodeError } from '../chat/failure.ts';
import { asArray, asObject } from '../chat/json.ts';
import type { Dialect, JsonObject } from '../chat/message.ts';
import { tokenCount, type Usage } from '../chat/usage.ts';
import { cannot, parsed, usageOf } from './fields.ts';

/** What is to be embedded, in no provider's form. */
export interface Embedding {
  readonly model: string;
  readonly texts: readonly string[];
  readonly dimensions?: number | undefined;
  /** What the vectors are for, in Cohere's words. */
  readonly purpose?: string | undefined;
}

/** Vectors in the order of the texts. */
export interface Embedded {
  readonly vectors: number[][];
  readonly usage: Usage | undefined;
}

/** How embeddings are asked for in a wire that has a form of its own. */
export interface EmbedForm {
  /** Throws GatewayError `unsupported` for what cannot be said. */
  body(asked: Embedding): JsonObject;
  /** Throws DecodeError. */
  read(text: string, count: number): Embedded;
}

/** Most texts of one call (docs.cohere.com/reference/embed). */
const MOST_OF_COHERE = 96;

const forms: Readonly<Partial<Record<Dialect, EmbedForm>>> = {
  gemini: {
    body({ model, texts, dimensions }) {
      const own = dimensions === undefined ? {} : { outputDimensionality: dimensions };
      const named = { ...own, model: `models/${model}` };
      return { requests: texts.map((text) => ({ ...named, content: { parts: [{ text }] } })) };
    },
    read: fromGemini,
  },
  cohere: {
    body({ model, texts, dimensions, purpose = 'search_document' }) {
      if (texts.length > MOST_OF_COHERE) throw cannot('input', `it takes ${MOST_OF_COHERE} texts at most`);
      const wanted = dimensions === undefined ? {} : { output_dimension: dimensions };
      return { model, texts, input_type: purpose, embedding_types: ['float'], ...wanted };
    },
    read(text, count) {
      const answer = parsed(text);
      const billed = asObject(asObject(answer.meta)?.billed_units);
      return {
        vectors: vectorsIn(asObject(answer.embeddings)?.float, count),
        usage: told(tokenCount(billed?.input_tokens)),
      };
    },
  },
  ollama: {
    // What does not fit is refused, not cut.
    body: ({ model, texts, dimensions }) => ({
      model,
      input: texts,
      truncate: false,
      ...(dimensions === undefined ? {} : { dimensions }),
    }),
    read(text, count) {
      const answer = parsed(text);
      return { vectors: vectorsIn(answer.embeddings, count), usage: told(tokenCount(answer.prompt_eval_count)) };
    },
  },
};

/** The form of a wire, or undefined where it is OpenAI's. */
export function embedForm(wire: Dialect): EmbedForm | undefined {
  return forms[wire];
}

/** The vectors of Gemini's answer. Throws DecodeError. */
export function fromGemini(text: string, count: number): Embedded {
  const answer = parsed(text);
  const values = asArray(answer.embeddings).map((one) => asObject(one)?.values);
  return {
    vectors: vectorsIn(values, count),
    usage: told(tokenCount(asObject(answer.usageMetadata)?.promptTokenCount)),
  };
}

function told(input: number | undefined): Usage | undefined {
  return input === undefined ? undefined : usageOf({ input });
}

function vectorsIn(value: unknown, count: number): number[][] {
  const vectors = asArray(value);
  const isVector = (one: unknown): one is number[] => Array.isArray(one) && one.every((n) => typeof n === 'number');
  if (vectors.length === count && vectors.every(isVector)) return [...vectors];
  throw new DecodeError('wrong_shape', 'embeddings', `must hold ${count} vectors`);
}

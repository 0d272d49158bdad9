import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { Busboy, type BusboyInstance } from '@fastify/busboy';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Terms } from './operation-kind.ts';

/** A file of a form. */
export interface FormFile {
  readonly name: string;
  readonly filename: string;
  readonly type: string;
  readonly data: Buffer;
}

/** A form as it was sent: fields and files in their order. */
export interface Form {
  readonly fields: readonly { readonly name: string; readonly value: string }[];
  readonly files: readonly FormFile[];
}

const MAX_FIELDS = 64;
const MAX_FILES = 20;
const MAX_FIELD_BYTES = 256 * 1024;
const MAX_NAME = 128;
/** What may stand in a quoted parameter of a header as it is. */
const PLAIN_NAME = /^[^"\\\r\n\0]+$/;
const MEDIA_TYPE = /^[\w.+-]+\/[\w.+-]+$/;

/**
 * Reads `multipart/form-data` (RFC 7578). A name that comes twice is refused as a key of JSON is, unless it ends with `[]`;
 * so is whatever could be read in two ways. Rejects with GatewayError `invalid_request`, `unsupported` for another type.
 */
export function readForm(contentType: string | undefined, bytes: Buffer): Promise<Form> {
  return new Promise((resolve, reject) => {
    if (!/^multipart\/form-data\s*;/i.test(contentType ?? '')) {
      return reject(new GatewayError('unsupported', 'The body must be multipart/form-data.', { status: 415 }));
    }
    const fault = (message: string, param?: string) =>
      reject(new GatewayError('invalid_request', message, param === undefined ? {} : { details: { param } }));
    const fields: { name: string; value: string }[] = [];
    const files: FormFile[] = [];
    const seen = new Set<string>();
    const isNew = (name: string): boolean => {
      if (!PLAIN_NAME.test(name) || name.length > MAX_NAME) fault('A field has no name, or one that cannot be.');
      else if (!name.endsWith('[]') && seen.has(name)) fault(`The field ${name} stands in the form twice.`, name);
      else {
        seen.add(name);
        return true;
      }
      return false;
    };
    let boy: BusboyInstance;
    try {
      boy = new Busboy({
        headers: { 'content-type': contentType as string },
        limits: {
          fields: MAX_FIELDS,
          fieldSize: MAX_FIELD_BYTES,
          files: MAX_FILES,
          parts: MAX_FIELDS + MAX_FILES,
          headerPairs: 16,
          headerSize: 8 * 1024,
        },
      });
    } catch {
      return fault('The form has no boundary.');
    }
    boy.on('field', (name, value, _nameTruncated, truncated) => {
      if (truncated) fault(`The field ${String(name).slice(0, MAX_NAME)} is too long.`);
      else if (isNew(String(name))) fields.push({ name, value });
    });
    boy.on('file', (name, stream, filename, _encoding, type) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
      stream.on('error', () => fault('The form is not complete.'));
      stream.on('end', () => {
        if (!isNew(String(name))) return;
        files.push({
          name,
          filename: PLAIN_NAME.test(filename ?? '') ? filename : 'file',
          type: MEDIA_TYPE.test(type ?? '') ? type : 'application/octet-stream',
          data: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks),
        });
      });
    });
    for (const limit of ['fieldsLimit', 'filesLimit', 'partsLimit'] as const) {
      boy.on(limit, () => fault('The form has too many parts.'));
    }
    boy.on('error', () => fault('The form is not complete.'));
    boy.on('finish', () => resolve({ fields, files }));
    Readable.from([bytes]).pipe(boy);
  });
}

/** Writes a form anew: what a provider reads is what was read here, and nothing that stood between the parts. */
export function writeForm(form: Form): { contentType: string; body: Buffer } {
  const boundary = `sallyport-${randomUUID()}`;
  const parts: Buffer[] = [];
  const begin = (disposition: string, type?: string) =>
    Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; ${disposition}\r\n${type ? `content-type: ${type}\r\n` : ''}\r\n`,
    );
  const end = Buffer.from('\r\n');
  for (const { name, value } of form.fields) parts.push(begin(`name="${name}"`), Buffer.from(value), end);
  for (const { name, filename, type, data } of form.files) {
    parts.push(begin(`name="${name}"; filename="${filename}"`, type), data, end);
  }
  parts.push(Buffer.from(`--${boundary}--\r\n`));
  return { contentType: `multipart/form-data; boundary=${boundary}`, body: Buffer.concat(parts) };
}

/** The form for a target: with its name of the model, without what its provider is not told, with what it is told. */
export function formFor(form: Form, model: string, { withheld, fields }: Terms): Form {
  const told = Object.entries(fields).flatMap(([name, value]) => (typeof value === 'string' ? [{ name, value }] : []));
  const own = form.fields
    .filter(({ name }) => !withheld.includes(name) && !told.some((one) => one.name === name))
    .map((field) => (field.name === 'model' ? { name: field.name, value: model } : field));
  return { ...form, fields: [...own, ...told] };
}

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isKind } from '@sallyport/custom-resources';
import { parseAllDocuments } from 'yaml';
import type { Case } from './case.ts';

const deploy = join(import.meta.dirname, '../../deploy');

/** Every resource of ours that we give people to start from: all of it has to be accepted. */
export const samples: readonly Case[] = ['samples', 'identity'].flatMap((folder) =>
  readdirSync(join(deploy, folder)).flatMap((file) =>
    parseAllDocuments(readFileSync(join(deploy, folder, file), 'utf8')).flatMap((document) => {
      const { kind, metadata, spec } = document.toJS() as { kind: string; metadata: { name: string }; spec: unknown };
      return isKind(kind) ? [{ name: `${folder}/${file} ${metadata.name}`, kind, spec }] : [];
    }),
  ),
);

import { createHash } from 'node:crypto';
import { matchesGlob } from '@sallyport/custom-resources/glob';
import type { Picked } from './plan.ts';
import { isNode, type Node } from './read-document.ts';

/** An operation of a document under the name of its tool. */
export interface Operation {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly node: Node;
  /** Parameters that all operations of the path have. */
  readonly shared: unknown;
}

const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;
const MAX_NAME = 128;

/**
 * The operations that are picked, in the document's order. A tool is called as its operationId, else by method and path; what
 * is not a letter, digit, `_`, `.` or `-` becomes `_`. Where two would be called the same, both have six digits of a hash
 * of method and path behind, whatever their order.
 */
export function readOperations(document: Node, picked: Picked): Operation[] {
  const found: (Operation & { readonly id: string; readonly tags: readonly unknown[] })[] = [];
  for (const [path, item] of Object.entries(document.paths as Node)) {
    if (!isNode(item)) continue;
    for (const method of METHODS) {
      const node = item[method];
      if (!isNode(node)) continue;
      const id = typeof node.operationId === 'string' ? node.operationId : '';
      const tags = Array.isArray(node.tags) ? node.tags : [];
      const name = nameFrom(id === '' ? `${method}${path.replace(/[{}]/g, '')}` : id);
      found.push({ name, id, tags, method: method.toUpperCase(), path, node, shared: item.parameters });
    }
  }
  const count = new Map<string, number>();
  for (const { name } of found) count.set(name, (count.get(name) ?? 0) + 1);
  const { ids, tags, methods } = picked;
  return found
    .map((one) => {
      if (count.get(one.name) === 1) return one;
      const hash = createHash('sha256').update(`${one.method} ${one.path}`).digest('hex').slice(0, 6);
      return { ...one, name: `${one.name.slice(0, MAX_NAME - 7)}_${hash}` };
    })
    .filter(
      (one) =>
        (ids === undefined || ids.some((glob) => matchesGlob(glob, one.id) || matchesGlob(glob, one.name))) &&
        (tags === undefined || tags.some((tag) => one.tags.includes(tag))) &&
        (methods === undefined || methods.includes(one.method)),
    );
}

function nameFrom(text: string): string {
  const name = text.replace(/[^A-Za-z0-9_.-]+/g, '_').replace(/^_+|_+$/g, '');
  return (name === '' ? 'operation' : name).slice(0, MAX_NAME);
}

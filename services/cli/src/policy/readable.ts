import { expanded } from '../dev/resources.ts';

/** What a start fills in; commands look at the resource, not at the machine. */
const ADDRESS = /\$\{[\w.-]+\.url\}/g;

/** Text of a resource file in which what a start fills in is filled in, somehow. */
export function readable(text: string): string {
  return expanded(text.replace(ADDRESS, 'http://127.0.0.1:1'), { 'demo.key': 'filled-in-by-make-dev' });
}

import { of, type Requirement } from './requirement.ts';

/** What is promised under `bad:`. */
export const bad: readonly Requirement[] = [
  ...of('issue 3, bad input', {
    'bad:gemini': 'What is wrong with a Gemini request is said in the shape of google.rpc.Status.',
    'bad:unknown-key': 'An unknown key is 401 in the dialect of the caller.',
    'bad:no-key': 'No key is 401 in the dialect of the caller.',
    'bad:unknown-model': 'An unknown model is 404 without telling what exists.',
    'bad:json': 'Invalid JSON is 400.',
    'bad:duplicate-key': 'A key twice in an object is 400.',
    'bad:depth': 'A body too deep is 400.',
    'bad:shape': 'A body of the wrong shape is 400 and names the path.',
    'bad:size': 'A body too large is 413.',
  }),
];

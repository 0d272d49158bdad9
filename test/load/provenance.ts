// Measures what it takes to find where the arguments of a model's calls come from, in a history of 100 KB that is looked at
// for the first time. Alone: make bench NAMES=provenance
import { addResult, addSpan, createCorpus, originsOf, TRUSTED, untrusted } from '../../services/turn/src/index.ts';
import type { Measure } from './report.ts';

const WORDS = (
  'the quick brown fox meets Ann Example at ann.example@mail.example on 2026-03-04 near https://site.example/path/x?id=33 ' +
  'for 1,250.50 dollars, call +49 30 1234567 or pay DE89 3704 0044 0532 0130 00 now please thank you very much'
).split(' ');
const CALLS = [
  { to: 'p77@mail.example', subject: 'Hello there', body: prose(600, 3), amount: 12.5 },
  { to: ['ann.example@mail.example'], body: 'see https://site.example/path/x?id=33', when: '2026-03-04' },
  { id: 7, note: 'fox meets Ann', where: 'aHR0cHM6Ly9ldmlsLmV4YW1wbGUv' },
];
const TYPED = Array.from({ length: 20 }, (_, index) => prose(1_000, index + 1));
const RESULTS = Array.from({ length: 16 }, (_, at) => ({
  items: Array.from({ length: 25 }, (__, index) => ({
    id: at * 25 + index,
    name: prose(20, index + 1),
    email: `p${at * 25 + index}@mail.example`,
    when: '2026-03-04T10:00:00',
    total: index * 3.25,
    body: prose(60, at + index),
  })),
}));
const TEXTS = RESULTS.map((result) => JSON.stringify(result));

/** CPU milliseconds for the origins of three calls in a history of 100 KB: a fifth typed, the rest results in JSON. */
export function measureProvenance(rounds = 200): Measure {
  for (let round = 0; round < 300; round++) find();
  const began = process.cpuUsage();
  for (let round = 0; round < rounds; round++) find();
  const { user, system } = process.cpuUsage(began);
  const size = [...TYPED, ...TEXTS].reduce((sum, text) => sum + text.length, 0);
  const note = `${(size / 1_000).toFixed(0)} KB of history, ${CALLS.length} calls`;
  return { name: 'provenance', value: (user + system) / 1_000 / rounds, unit: 'ms', bar: 2, note };
}

function find(): void {
  const corpus = createCorpus();
  for (const text of TYPED) addSpan(corpus, { text, origin: { kind: 'typed' }, label: TRUSTED });
  const label = untrusted('tool:desk/list');
  for (const [index, result] of RESULTS.entries()) {
    addSpan(corpus, { text: TEXTS[index] as string, origin: { kind: 'result', tool: 'desk/list' }, label });
    addResult(corpus, 'desk/list', result, label);
  }
  for (const args of CALLS) originsOf(args, corpus);
}

// Always the same text for a seed.
function prose(length: number, seed: number): string {
  let state = seed;
  let text = '';
  while (text.length < length) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    text += `${WORDS[state % WORDS.length]} `;
  }
  return text.trim();
}

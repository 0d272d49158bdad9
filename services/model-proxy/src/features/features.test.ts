import { describe, expect, it } from '@jest/globals';
import { dialects, fronts, prove } from './prove.ts';
import { featuresTable } from './render-features.ts';

const proof = prove();
const cells = Object.entries(proof).flatMap(([feature, ofFeature]) =>
  fronts.flatMap((front) =>
    dialects.map((dialect) => ({ feature, front, dialect, fate: ofFeature[front]?.[dialect] })),
  ),
);

describe('what passes between fronts and dialects', () => {
  it('[model:features-proved] is known of every feature, front and dialect', () => {
    expect(cells.filter(({ fate }) => fate === undefined)).toEqual([]);
    expect(cells.length).toBe(Object.keys(proof).length * fronts.length * dialects.length);
  });

  it.each(Object.keys(proof))('[model:features-proved] %s is never lost without a word', (feature) => {
    expect(cells.filter((cell) => cell.feature === feature && cell.fate === 'lost')).toEqual([]);
  });

  it('[model:features-proved] text, turns, tools, usage and the reason to stop pass everywhere', () => {
    const everywhere = [
      'text',
      'system text',
      'several turns',
      'tools',
      'parallel calls and results',
      'streamed arguments',
      'usage',
      'finish reasons',
    ];
    expect(cells.filter(({ feature, fate }) => everywhere.includes(feature) && fate !== 'carried')).toEqual([]);
  });

  it('stands in a table with a row for each feature and a column for each dialect', () => {
    const lines = featuresTable(proof)
      .split('\n')
      .filter((line) => line.startsWith('|'));
    expect(lines).toHaveLength(Object.keys(proof).length + 2);
    expect(lines[0]?.split('|')).toHaveLength(dialects.length + 3);
  });
});

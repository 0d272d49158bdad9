// Measures how long somebody who is moved out of a team by SCIM can still do anything: from the answer of SCIM until every
// replica of both gates refuses. Alone: make bench NAMES=revocation
import { setTimeout as pause } from 'node:timers/promises';
import { type DirectoryHouse, directoryHouse, type Employee } from '../support/directory-house.ts';
import { eventually } from '../support/suite.ts';
import type { Measure } from './report.ts';

/** DESIGN section 8. */
const BAR_MS = 1_000;
const MOVES = 100;
/** People who are moved in turn, so that no answer is one of the move before. */
const PEOPLE = 4;
const LONGEST_MS = 10_000;

/** One move: milliseconds from its answer until each gate has refused; in the order of gates. */
async function move(house: DirectoryHouse, who: Employee, turn: number): Promise<number[]> {
  const credential = turn % 2 === 0 ? who.key : who.token;
  const looks = Object.values(house.looks(credential));
  for (const look of looks) await eventually(look, (status) => status === 200);
  const refused = looks.map(async (look) => {
    const until = performance.now() + LONGEST_MS;
    // A request that began before the answer of SCIM may still pass: what counts is the first that is refused.
    while ((await look()) === 200) {
      if (performance.now() > until) return Number.POSITIVE_INFINITY;
      await pause(2);
    }
    return performance.now();
  });
  await house.leave(who);
  const answeredAt = performance.now();
  const times = (await Promise.all(refused)).map((at) => Math.max(0, at - answeredAt));
  await house.join(who);
  return times;
}

/** The p99 over 100 moves, by keys and tokens in turn, over two replicas of each gate. */
export async function measureRevocation(moves = MOVES): Promise<Measure> {
  const house = await directoryHouse();
  try {
    const people: Employee[] = [];
    for (let index = 0; index < PEOPLE; index++) people.push(await house.hire(`person-${index}`));
    // What is compiled and connected at first use is not measured.
    for (let turn = 0; turn < PEOPLE * 2; turn++) await move(house, people[turn % PEOPLE] as Employee, turn >> 2);
    const slowest: number[] = [];
    for (let turn = 0; turn < moves; turn++) {
      const who = people[turn % PEOPLE] as Employee;
      slowest.push(Math.max(...(await move(house, who, Math.floor(turn / PEOPLE)))));
    }
    slowest.sort((a, b) => a - b);
    const at = (share: number) => slowest[Math.ceil(share * slowest.length) - 1] as number;
    const note = `p99 of ${moves} moves by SCIM until two replicas of each gate refuse; p50 ${at(0.5).toFixed(0)}, longest ${at(1).toFixed(0)}`;
    return { name: 'revocation', value: at(0.99), unit: 'ms', bar: BAR_MS, note };
  } finally {
    await house.end();
  }
}

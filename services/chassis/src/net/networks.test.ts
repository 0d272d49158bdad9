import { describe, expect, it } from '@jest/globals';
import { canonicalAddress, networksOf } from './networks.ts';

describe('networksOf', () => {
  const inside = networksOf(['10.0.0.0/8', '2001:db8::/32', '192.0.2.7/32', 'nonsense/8']);
  it.each([
    ['10.1.2.3', true],
    ['::ffff:10.1.2.3', true],
    ['192.0.2.7', true],
    ['192.0.2.8', false],
    ['2001:db8:1::1', true],
    ['2001:db9::1', false],
    ['11.0.0.1', false],
    ['10.1', false],
    ['012.0.0.1', false],
    ['0x0a.0.0.1', false],
    ['10.0.0.1, 1.1.1.1', false],
    ['fe80::1%eth0', false],
    ['', false],
    ['unknown', false],
  ])('[chassis:networks] %s: %s', (address, expected) => {
    expect(inside(address)).toBe(expected);
  });

  it('[chassis:networks] holds nothing where there are none', () => {
    expect(networksOf([])('10.0.0.1')).toBe(false);
    expect(canonicalAddress('::FFFF:10.0.0.1')).toBe('10.0.0.1');
    expect(canonicalAddress('fe80::1%eth0')).toBeUndefined();
  });
});

import ipaddr from 'ipaddr.js';

/** Tells whether an address (text, IPv4 or IPv6) is in one of some networks; what is no address is in none. */
export type Networks = (address: string) => boolean;

const compiled = new Map<string, Networks>();
const MAX_COMPILED = 1_000;

/**
 * Networks by their CIDR texts. IPv4 inside IPv6 (`::ffff:10.0.0.1`), as dual-stack sockets tell it, is the IPv4 address.
 * A text that is no network holds no address.
 */
export function networksOf(cidrs: readonly string[]): Networks {
  const id = cidrs.join(' ');
  let held = compiled.get(id);
  if (held === undefined) {
    if (compiled.size >= MAX_COMPILED) compiled.clear();
    held = compile(cidrs);
    compiled.set(id, held);
  }
  return held;
}

function compile(cidrs: readonly string[]): Networks {
  const networks = cidrs.filter((cidr) => ipaddr.isValidCIDR(cidr)).map((cidr) => ipaddr.parseCIDR(cidr));
  return (address) => {
    const plain = addressOf(address);
    return (
      plain !== undefined &&
      networks.some(([network, bits]) => network.kind() === plain.kind() && plain.match(network as never, bits))
    );
  };
}

/** An address as written in one way only; undefined for what is none, or has a zone. */
export function canonicalAddress(text: string): string | undefined {
  return addressOf(text)?.toString();
}

function addressOf(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  // Short and octal forms of IPv4 mean other addresses to other readers.
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !ipaddr.IPv6.isValid(text)) return undefined;
  // An address with a zone is of one link of one host, whatever network it seems to be in.
  if (text.includes('%')) return undefined;
  return ipaddr.process(text);
}

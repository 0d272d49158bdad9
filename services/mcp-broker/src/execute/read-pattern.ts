/** A pattern of JSON Schema as RE2 takes it, meaning the same. */
export interface ReadPattern {
  readonly re2: string;
  /** Instructions that it compiles to, about; one with a long table of characters counts for several. */
  readonly cost: number;
}

const MAX_LENGTH = 1_024;
const MAX_REPEAT = 1_000;
const MAX_COST = 5_000;
/** Ranges of characters that take as much as an instruction: each of them may be kept several times over. */
const RANGES = 32;
/** Ranges of a category of Unicode, at most, and of spaces. */
const OF_CATEGORY = 700;
const OF_SPACES = 11;
const SPACES =
  '\\t-\\r\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}';
const NOT_LINE_ENDS = '[^\\n\\r\\x{2028}\\x{2029}]';
const CATEGORY = /^(L[ulmot]?|M[nce]?|N[dlo]?|P[cdsefio]?|S[mcko]?|Z[slp]?|Cc|Cf)$/;

/** Instructions of a part, and how often at most its innermost parts stand for each of them. */
interface Size {
  cost: number;
  repeats: number;
}

/** What cannot be said in RE2, or not with the same meaning. */
class Unknown extends Error {}

/**
 * Reads a pattern as ECMAScript means it and writes it as RE2 means the same. Undefined for what RE2 cannot do in linear
 * time (looking around, back-references), for what it knows by other names, and for what is too large.
 */
export function readPattern(pattern: string): ReadPattern | undefined {
  if (pattern.length > MAX_LENGTH) return undefined;
  const unicode = parses(pattern, 'u');
  if (!unicode && !parses(pattern, '')) return undefined;
  try {
    const read = new Reader(pattern, unicode).read();
    return read.cost > MAX_COST ? undefined : read;
  } catch (error) {
    if (error instanceof Unknown) return undefined;
    throw error;
  }
}

// Only parsed: nothing of it is ever run by this engine.
function parses(pattern: string, flags: string): boolean {
  try {
    new RegExp(pattern, flags);
    return true;
  } catch {
    return false;
  }
}

class Reader {
  private at = 0;
  private out = '';
  /** What is open around here, outermost first, and the atom that a quantifier would be of. */
  private readonly around: Size[] = [{ cost: 0, repeats: 1 }];
  private atom: Size = { cost: 0, repeats: 1 };
  /** Ranges of characters in what is read now. */
  private ranges = 0;

  private readonly text: string;
  private readonly unicode: boolean;

  constructor(text: string, unicode: boolean) {
    this.text = text;
    this.unicode = unicode;
  }

  read(): ReadPattern {
    while (this.at < this.text.length) this.one();
    return { re2: this.out, cost: this.inside().cost + 2 };
  }

  private one(): void {
    const char = this.next();
    switch (char) {
      case '\\':
        this.put(this.escape(false));
        break;
      case '.':
        this.put(NOT_LINE_ENDS);
        break;
      case '[':
        this.put(this.members());
        break;
      case '(':
        this.open();
        break;
      case ')':
        this.close();
        break;
      case '{':
        this.counted();
        break;
      case '*':
      case '+':
      case '?':
        this.inside().cost++;
        this.out += char;
        break;
      case '^':
      case '$':
      case '|':
        this.put(char);
        break;
      default:
        this.put(literal(char));
        break;
    }
  }

  private next(): string {
    const code = this.text.codePointAt(this.at);
    if (code === undefined) throw new Unknown();
    const char = String.fromCodePoint(code);
    this.at += char.length;
    return char;
  }

  private take(expected: RegExp): RegExpExecArray | undefined {
    const found = expected.exec(this.text.slice(this.at, this.at + 64));
    if (found === null) return undefined;
    this.at += found[0].length;
    return found;
  }

  private put(written: string): void {
    const cost = 1 + Math.floor(this.ranges / RANGES);
    this.ranges = 0;
    this.out += written;
    this.atom = { cost, repeats: 1 };
    this.inside().cost += cost;
  }

  private inside(): Size {
    const size = this.around.at(-1);
    if (size === undefined) throw new Unknown();
    return size;
  }

  private open(): void {
    if (this.take(/^\?:/)) this.out += '(?:';
    else if (this.text[this.at] !== '?' || this.take(/^\?<[A-Za-z_$][\w$]*>/)) this.out += '(';
    else throw new Unknown();
    this.around.push({ cost: 0, repeats: 1 });
  }

  private close(): void {
    const { cost, repeats } = this.inside();
    this.around.pop();
    this.atom = { cost: cost + 2, repeats };
    const around = this.inside();
    around.cost += this.atom.cost;
    around.repeats = Math.max(around.repeats, repeats);
    this.out += ')';
  }

  private counted(): void {
    const count = this.take(/^(\d{1,9})(?:(,)(\d{0,9}))?\}/);
    // By the older rules a brace that counts nothing is one.
    if (count === undefined) {
      if (/^\d+(?:,\d*)?\}/.test(this.text.slice(this.at))) throw new Unknown();
      this.put(literal('{'));
      return;
    }
    const most = Number(count[3] || count[1]);
    const around = this.inside();
    const repeats = this.atom.repeats * Math.max(1, most);
    if (repeats > MAX_REPEAT) throw new Unknown();
    around.cost += (this.atom.cost + 1) * most;
    around.repeats = Math.max(around.repeats, repeats);
    this.out += `{${count[0]}`;
  }

  /** An escape, after its backslash. */
  private escape(among: boolean): string {
    const char = this.next();
    if (/^[dDwW]$/.test(char) || /^[tnvfr]$/.test(char)) return `\\${char}`;
    switch (char) {
      case 'b':
        return among ? '\\x{8}' : '\\b';
      case 'B':
        if (among) throw new Unknown();
        return '\\B';
      case 's':
        this.ranges += OF_SPACES;
        return among ? SPACES : `[${SPACES}]`;
      case 'S':
        if (among) throw new Unknown();
        return `[^${SPACES}]`;
      case '0':
        if (this.take(/^\d/)) throw new Unknown();
        return '\\x{0}';
      case 'x':
        return this.point(/^([0-9a-fA-F]{2})/);
      case 'u':
        return this.point(/^([0-9a-fA-F]{4})|^\{([0-9a-fA-F]{1,6})\}/);
      case 'c': {
        const control = this.take(/^[A-Za-z]/)?.[0];
        if (control === undefined) throw new Unknown();
        return `\\x{${(control.charCodeAt(0) % 32).toString(16)}}`;
      }
      case 'p':
      case 'P': {
        const name = this.unicode ? this.take(/^\{(\w+)\}/)?.[1] : undefined;
        if (name === undefined || !CATEGORY.test(name)) throw new Unknown();
        this.ranges += OF_CATEGORY;
        return `\\${char}{${name}}`;
      }
      default:
        if (/^[A-Za-z0-9]$/.test(char)) throw new Unknown();
        return literal(char);
    }
  }

  private point(digits: RegExp): string {
    const found = this.take(digits);
    if (found === undefined || (found[2] !== undefined && !this.unicode)) throw new Unknown();
    const first = Number.parseInt(found[1] ?? found[2] ?? '', 16);
    if (first < 0xd800 || first > 0xdfff) return `\\x{${first.toString(16)}}`;
    const second = Number.parseInt(this.take(/^\\u([0-9a-fA-F]{4})/)?.[1] ?? '', 16);
    const whole = 0x10000 + (first - 0xd800) * 0x400 + (second - 0xdc00);
    if (!this.unicode || first > 0xdbff || !(second >= 0xdc00 && second <= 0xdfff)) throw new Unknown();
    return `\\x{${whole.toString(16)}}`;
  }

  /** A class, after its bracket. */
  private members(): string {
    let written = this.take(/^\^/) ? '[^' : '[';
    // What matches nothing, or anything, RE2 writes in another way.
    if (this.text[this.at] === ']') throw new Unknown();
    for (let several = false; ; ) {
      const char = this.next();
      if (char === ']') return `${written}]`;
      this.ranges++;
      if (char === '-') {
        const ranges = this.text[this.at] !== ']' && !written.endsWith('[') && !written.endsWith('[^');
        // Beside what stands for several characters a hyphen is one, by the older rules.
        if (ranges && !several && /^(?:\\[dDwWsSpP]|$)/.test(this.text.slice(this.at, this.at + 2)))
          throw new Unknown();
        written += ranges && !several ? '-' : literal('-');
        several = false;
        continue;
      }
      several = char === '\\' && /^[dDwWsSpP]/.test(this.text[this.at] ?? '');
      written += char === '\\' ? this.escape(true) : literal(char);
    }
  }
}

function literal(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  if (code >= 0xd800 && code <= 0xdfff) throw new Unknown();
  return /^[A-Za-z0-9_]$/.test(char) ? char : `\\x{${code.toString(16)}}`;
}

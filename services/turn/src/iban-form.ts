// Lengths by country, from the SWIFT IBAN registry.
const LENGTHS: Readonly<Record<string, number>> = Object.fromEntries(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ' +
    'ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 ' +
    'LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 ' +
    'PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

const PROSE_IBAN = /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}/g;

/** Normal form of an IBAN (ISO 13616): upper case without spaces; undefined if length or check digits are wrong. */
export function ibanForm(text: string): string | undefined {
  if (text.length > 50) return undefined;
  const compact = text.replace(/[\s-]/g, '').toUpperCase();
  if (!/^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/.test(compact)) return undefined;
  if (LENGTHS[compact.slice(0, 2)] !== compact.length) return undefined;
  let rest = 0;
  for (const char of compact.slice(4) + compact.slice(0, 4)) {
    const value = Number.parseInt(char, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1 ? `iban:${compact}` : undefined;
}

/** The normal forms of the IBANs that stand in prose, in groups of four or not. */
export function ibansIn(text: string): string[] {
  const forms: string[] = [];
  for (const [run] of text.matchAll(PROSE_IBAN)) {
    // Words in capitals after the number may have been taken along: the country says where it ends.
    const compact = run.replace(/[ -]/g, '');
    const form = ibanForm(compact.slice(0, LENGTHS[compact.slice(0, 2)] ?? 0));
    if (form !== undefined) forms.push(form);
  }
  return forms;
}

/** Times of ISO 8601, as OpenStack's services read them. */

/** As lenient as the parser of OpenStack: a date with or without hyphens, down to any part of the time, UTC unless it says otherwise. */
const isoForm = /^(\d{4})(?:-?(\d{2})(?:-?(\d{2})(?:[ T](\d{2})(?::?(\d{2})(?::?(\d{2})(?:[.,](\d+))?)?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?)?)?$/;

/** Returns a time in the form every database reads, or undefined when it is none. */
export function isoTime(value: string): string | undefined {
  const parts = isoForm.exec(value);
  if (!parts) return undefined;
  const [, year, month = '01', day = '01', hour = '00', minute = '00', second = '00', fraction = '0', zone = 'Z'] = parts;
  const offset = zone === 'Z' ? zone : `${zone.slice(0, 3)}:${zone.slice(3).replace(':', '') || '00'}`;
  const date = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.slice(0, 3)}${offset}`);
  if (Number.isNaN(date.getTime()) || new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() !== Number(day)) {
    return undefined;
  }
  // The years of Python and of PostgreSQL, in UTC: a zone may lead out of them.
  const inUtc = date.toISOString();
  return /^(?!0000)\d{4}-/.test(inUtc) ? inUtc : undefined;
}

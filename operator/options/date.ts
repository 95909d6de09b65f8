/** Dates as operators of nova-manage write them. */

/** `YYYY-MM-DD`, with a time if wanted, and its zone. */
const iso = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?))?(Z|[+-]\d\d:?\d\d)?$/;
/** What `date` prints, in UTC or with an offset. */
const printed = /^\p{L}+,? .*(?:\b(?:UTC|GMT)\b|[+-]\d{4}\b)/u;

/** Reads `YYYY-MM-DD [HH:mm[:ss]]`, in UTC unless it has an offset, and what the command `date` prints; undefined when it is no date. */
export function parseDate(text: string): Date | undefined {
  const [, day, time = '00:00', zone = 'Z'] = iso.exec(text) ?? [];
  // A day past the end of its month would count into the next.
  if (day !== undefined && !isDay(day)) return undefined;
  const date = new Date(day === undefined ? (printed.test(text) ? text : Number.NaN) : `${day}T${time}${zone}`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function isDay(text: string): boolean {
  const day = new Date(text);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
}

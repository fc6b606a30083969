const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The three forms of RFC 9110, section 5.6.7; the second and third are obsolete but have to be read. */
const IMF_FIXDATE = /^[A-Z][a-z]{2}, ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT$/;
const RFC_850 = /^[A-Z][a-z]{5,8}, ([0-9]{2})-([A-Z][a-z]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT$/;
const ASCTIME = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ 0-9][0-9]) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([0-9]{4})$/;

/** An HTTP date in milliseconds since 1970; undefined for what is none, which HTTP has servers ignore. */
export function parseHttpDate(text: string, now = Date.now()): number | undefined {
  const imf = IMF_FIXDATE.exec(text);
  if (imf !== null) return instant(imf[3], imf[2], imf[1], imf.slice(4));
  const rfc850 = RFC_850.exec(text);
  if (rfc850 !== null) return instant(nearestYear(Number(rfc850[3]), now), rfc850[2], rfc850[1], rfc850.slice(4));
  const asctime = ASCTIME.exec(text);
  return asctime === null ? undefined : instant(asctime[6], asctime[1], asctime[2], asctime.slice(3, 6));
}

/** More than 50 years ahead means the last century's. */
function nearestYear(twoDigits: number, now: number): number {
  const thisYear = new Date(now).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + twoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}

function instant(
  year: string | number | undefined,
  month: string | undefined,
  day: string | undefined,
  time: (string | undefined)[],
): number | undefined {
  const [hours = 0, minutes = 0, seconds = 0] = time.map(Number);
  const monthIndex = MONTHS.indexOf(month ?? '');
  if (monthIndex < 0 || hours > 23 || minutes > 59 || seconds > 60) return undefined;
  const at = Date.UTC(Number(year), monthIndex, Number(day), hours, minutes, seconds);
  return new Date(at - seconds * 1000).getUTCDate() === Number(day) ? at : undefined;
}

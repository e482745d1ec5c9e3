// Moments in words. Language and zone come from Rust, which checked them; never from the browser, whose language may be
// the invalid "C".

export interface Place {
  locale: string;
  timeZone: string;
}

export const FALLBACK: Place = { locale: "en-GB", timeZone: "UTC" };

function formatter(place: Place, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat(place.locale, { ...options, timeZone: place.timeZone });
  } catch {
    return new Intl.DateTimeFormat(FALLBACK.locale, { ...options, timeZone: FALLBACK.timeZone });
  }
}

const CLOCK: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const DAY: Intl.DateTimeFormatOptions = { day: "numeric", month: "short" };

/** `10:42` */
export function clockTime(iso: string, place: Place): string {
  return show(iso, place, CLOCK);
}

/** `22 Nov 2026, 10:42:07` */
export function fullTime(iso: string, place: Place): string {
  return show(iso, place, { ...DAY, year: "numeric", ...CLOCK, second: "2-digit" });
}

/** `10:42` today, `21 Nov, 10:42` otherwise. */
export function shortTime(iso: string, now: number, place: Place): string {
  return show(iso, place, isSameDay(iso, now, place) ? CLOCK : { ...DAY, ...CLOCK });
}

export function isSameDay(iso: string, now: number, place: Place): boolean {
  const day = formatter(place, { year: "numeric", month: "2-digit", day: "2-digit" });
  const then = Date.parse(iso);
  return !Number.isNaN(then) && day.format(then) === day.format(now);
}

function show(iso: string, place: Place, options: Intl.DateTimeFormatOptions): string {
  const ms = Date.parse(iso);
  // What is not a moment is shown as it came.
  return Number.isNaN(ms) ? iso : formatter(place, options).format(ms);
}

export type Urgency = "none" | "soon" | "late";

export interface Remaining {
  ms: number;
  /** Whole minutes, rounded up; 0 when it is over. */
  minutes: number;
  urgency: Urgency;
}

const MINUTE = 60_000;

/** How long until a deadline. Soon: within the hour. Late: five minutes or less. */
export function remaining(iso: string, now: number): Remaining {
  const ms = Date.parse(iso) - now;
  const minutes = Math.max(0, Math.ceil(ms / MINUTE));
  return { ms, minutes, urgency: minutes <= 5 ? "late" : minutes <= 60 ? "soon" : "none" };
}

/** The steps at which a deadline is announced: 15, 5 and 1 minutes. */
export function announcedMinute(before: number, after: number): number | null {
  for (const step of [1, 5, 15]) if (before > step && after <= step && after > 0) return step;
  return null;
}

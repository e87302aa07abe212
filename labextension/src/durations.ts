/** Spans of time as a number and a unit. Pure. */

export const UNITS = ['s', 'min', 'h', 'd'] as const;
export type Unit = (typeof UNITS)[number];

export const SECONDS: Readonly<Record<Unit, number>> = { s: 1, min: 60, h: 3600, d: 86400 };

/** The largest unit in which the span is whole; minutes where there is none. */
export function unitOf(seconds: number | null): Unit {
  const whole = UNITS.filter(
    unit => seconds !== null && seconds > 0 && seconds % SECONDS[unit] === 0
  );
  return whole[whole.length - 1] ?? 'min';
}

/** The schedules that the list offers; any other is typed. */
export const SCHEDULES = ['15m', '1h', '6h', '1d', '1w'] as const;

/** Whether a schedule is a cron expression, which has a time zone. */
export function isCron(schedule: string): boolean {
  return schedule.trim().split(/\s+/).length === 5;
}

// Who is told what, and when. Times are milliseconds since 1970; nothing here sends anything.
import { log } from './log.js';
import { maskPhone } from './privacy.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export const QUIET = { from: 21, to: 8 };

/** The hour of the day at the clinic. */
export function hourAt(at, offsetHours = 1) {
  return Math.floor((at / HOUR + offsetHours) % 24);
}

export function isQuiet(at, offsetHours = 1) {
  const hour = hourAt(at, offsetHours);
  return hour >= QUIET.from || hour < QUIET.to;
}

/** The first moment from `at` on at which people may be disturbed. */
export function afterQuiet(at, offsetHours = 1) {
  let moment = at;
  while (isQuiet(moment, offsetHours)) {
    moment = (Math.floor(moment / HOUR) + 1) * HOUR;
  }
  return moment;
}

/** How a person wants to hear of us; mail where nothing is said. */
export function channelOf(person) {
  if (person.optedOut) return 'none';
  if (person.channel === 'sms' && person.phone) return 'sms';
  return person.email ? 'mail' : 'none';
}

/** One reminder a day before, one two hours before; what would be past or disturb is left out or moved. */
export function remindersFor(appointment, person, now) {
  const channel = channelOf(person);
  if (channel === 'none') {
    log.info({ appointment: appointment.id, phone: maskPhone(person.phone) }, 'nobody to tell');
    return [];
  }
  const moments = [appointment.at - DAY, appointment.at - 2 * HOUR];
  const kept = moments.map((at) => afterQuiet(at)).filter((at) => at > now && at < appointment.at);
  const unique = [...new Set(kept)];
  log.debug({ appointment: appointment.id, count: unique.length }, 'planned');
  return unique.map((at, n) => ({ id: `${appointment.id}/${n + 1}`, appointment: appointment.id, channel, at }));
}

export function textFor(reminder, appointment, person) {
  const when = new Date(appointment.at).toISOString().slice(0, 16).replace('T', ' ');
  const greeting = person.firstName ? `Dear ${person.firstName}` : 'Hello';
  return `${greeting}, your appointment at ${appointment.clinic} is on ${when}.`;
}

/** Merges two plans; of two reminders with one id the later plan's counts. */
export function merge(before, after) {
  const byId = new Map(before.map((r) => [r.id, r]));
  for (const reminder of after) byId.set(reminder.id, reminder);
  return [...byId.values()].sort((a, b) => a.at - b.at || a.id.localeCompare(b.id));
}

export function due(plan, now) {
  return plan.filter((r) => r.at <= now && !r.sent);
}

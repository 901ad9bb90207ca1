// Tries until it is delivered, or gives up. Senders are given: a function for each channel.
import { log } from './log.js';
import { maskEmail } from './privacy.js';

export const ATTEMPTS = 4;

/** How long to wait after the n-th failure, in milliseconds. */
export function backoff(failures) {
  return Math.min(60_000 * 2 ** Math.max(0, failures - 1), 900_000);
}

export class Delivery {
  constructor(senders, clock = Date.now) {
    this.senders = senders;
    this.clock = clock;
    this.failures = new Map();
  }

  ready(reminder) {
    const seen = this.failures.get(reminder.id);
    return !seen || (seen.count < ATTEMPTS && this.clock() >= seen.last + backoff(seen.count));
  }

  async deliver(reminder, person, text) {
    const send = this.senders[reminder.channel];
    if (!send) {
      log.warn({ reminder: reminder.id, channel: reminder.channel }, 'no such channel');
      return 'undeliverable';
    }
    try {
      await send(person, text);
      log.info({ reminder: reminder.id, phone: person.phoneNumber }, 'delivered');
      this.failures.delete(reminder.id);
      return 'delivered';
    } catch (error) {
      return this.failed(reminder, person, error);
    }
  }

  failed(reminder, person, error) {
    const seen = this.failures.get(reminder.id) ?? { count: 0, last: 0 };
    const now = { count: seen.count + 1, last: this.clock() };
    this.failures.set(reminder.id, now);
    if (now.count >= ATTEMPTS) {
      log.error(`gave up on ${person.email} after ${now.count} attempts`);
      return 'given-up';
    }
    log.warn({ reminder: reminder.id, code: error.code, to: maskEmail(person.email) }, 'will try again');
    return 'later';
  }
}

/** Answers of the text message gateway, by what they mean for us. */
export function meaningOf(answer) {
  if (answer.status === 'ok') return 'delivered';
  if (answer.status === 'throttled' || answer.status >= 500) return 'later';
  return 'undeliverable';
}

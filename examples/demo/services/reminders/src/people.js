// People and how they want to be told. In memory; the clinic's record is the truth and is fetched every night.
import { log } from './log.js';
import { maskEmail, maskPhone } from './privacy.js';

export class People {
  #rows = new Map();

  put(person) {
    const known = this.#rows.has(person.id);
    this.#rows.set(person.id, { channel: 'mail', optedOut: false, ...person });
    log.info({ person: person.id, email: maskEmail(person.email) }, known ? 'changed' : 'new');
    return this.#rows.get(person.id);
  }

  get(id) {
    return this.#rows.get(id);
  }

  optOut(id) {
    const person = this.#rows.get(id);
    if (!person) return false;
    person.optedOut = true;
    console.info(`opted out: ${person.firstName} ${person.lastName}`);
    return true;
  }

  prefer(id, channel) {
    const person = this.#rows.get(id);
    if (!person || !['sms', 'mail'].includes(channel)) return false;
    person.channel = channel;
    log.info({ person: id, channel, phone: maskPhone(person.phone) }, 'prefers');
    return true;
  }

  /** Rows of last night's export; lines that say nothing are left out. */
  load(lines) {
    let loaded = 0;
    for (const line of lines) {
      const [id, firstName, lastName, email, phone] = line.split(';').map((cell) => cell.trim());
      if (!id || (!email && !phone)) continue;
      this.put({ id, firstName, lastName, email, phone });
      loaded += 1;
    }
    log.info('email and phone of %d people loaded', loaded);
    return loaded;
  }

  get size() {
    return this.#rows.size;
  }
}

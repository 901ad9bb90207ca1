import assert from 'node:assert/strict';
import { test } from 'node:test';

import { requireStaff } from '../src/auth.js';
import { ATTEMPTS, backoff, Delivery, meaningOf } from '../src/delivery.js';
import { People } from '../src/people.js';
import { signatureOf, signed } from '../src/routes/reports.js';
import { createApp } from '../src/server.js';

const ADA = { id: 'p1', firstName: 'Ada', lastName: 'Brandt', email: 'ada@example.org' };
const REMINDER = { id: 'a1/1', channel: 'mail' };

test('what a sender takes is delivered', async () => {
  const delivery = new Delivery({ mail: async () => {} });
  assert.equal(await delivery.deliver(REMINDER, ADA, 'hello'), 'delivered');
});

test('it gives up in the end', async () => {
  let now = 0;
  const delivery = new Delivery({ mail: async () => { throw new Error('down'); } }, () => now);
  for (let n = 1; n < ATTEMPTS; n += 1) {
    assert.equal(await delivery.deliver(REMINDER, ADA, 'hello'), 'later');
    assert.equal(delivery.ready(REMINDER), false);
    now += backoff(n);
    assert.ok(delivery.ready(REMINDER));
  }
  assert.equal(await delivery.deliver(REMINDER, ADA, 'hello'), 'given-up');
});

test('a channel that nobody serves is said', async () => {
  assert.equal(await new Delivery({}).deliver(REMINDER, ADA, ''), 'undeliverable');
  assert.equal(meaningOf({ status: 'throttled' }), 'later');
});

test('an export is loaded', () => {
  const people = new People();
  assert.equal(people.load(['p1; Ada; Brandt; ada@example.org;', ';;;;', 'p2;Jon;Silva;;+351 1']), 2);
  assert.ok(people.prefer('p2', 'sms'));
  assert.ok(people.optOut('p1'));
  assert.equal(people.get('p1').optedOut, true);
});

test('a stranger is refused', () => {
  let status = 0;
  const res = { status: (code) => { status = code; return { json: () => {} }; } };
  requireStaff({ headers: {} }, res, () => assert.fail('let in'));
  assert.equal(status, 401);
  requireStaff({ headers: { authorization: 'Bearer bad' } }, res, () => assert.fail('let in'));
  let passed = false;
  requireStaff({ headers: { authorization: 'Bearer good' } }, res, () => { passed = true; });
  assert.ok(passed);
});

test('the application is put together', () => {
  assert.ok(createApp().routes.length >= 4);
});

test('a report is believed by its signature', () => {
  const body = { reminder: 'a1/1', status: 'ok' };
  assert.ok(signed(body, signatureOf(body, 'k'), 'k'));
  assert.equal(signed(body, signatureOf(body, 'other'), 'k'), false);
  assert.equal(signed(body, undefined, 'k'), false);
});

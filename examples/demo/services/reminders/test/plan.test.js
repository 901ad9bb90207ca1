import assert from 'node:assert/strict';
import { test } from 'node:test';

import { afterQuiet, channelOf, due, isQuiet, merge, remindersFor, textFor } from '../src/plan.js';
import { maskEmail, maskPhone } from '../src/privacy.js';

const NOON = Date.UTC(2026, 10, 24, 11);
const HOUR = 3_600_000;
const ADA = { id: 'p1', firstName: 'Ada', email: 'ada@example.org', phone: '+49301234', channel: 'sms' };

test('nobody is disturbed at night', () => {
  const night = Date.UTC(2026, 10, 24, 22);
  assert.ok(isQuiet(night));
  assert.equal(afterQuiet(night), Date.UTC(2026, 10, 25, 7));
});

test('a person is told twice', () => {
  const plan = remindersFor({ id: 'a1', at: NOON }, ADA, NOON - 48 * HOUR);
  assert.deepEqual(plan.map((r) => r.channel), ['sms', 'sms']);
  assert.deepEqual(plan.map((r) => r.at), [NOON - 24 * HOUR, NOON - 2 * HOUR]);
});

test('what is past is left out', () => {
  assert.equal(remindersFor({ id: 'a1', at: NOON }, ADA, NOON - 3 * HOUR).length, 1);
});

test('who opted out is left alone', () => {
  assert.equal(channelOf({ ...ADA, optedOut: true }), 'none');
  assert.deepEqual(remindersFor({ id: 'a1', at: NOON }, { optedOut: true }, 0), []);
});

test('a later plan counts', () => {
  const plan = merge([{ id: 'a', at: 2 }, { id: 'b', at: 1 }], [{ id: 'a', at: 0 }]);
  assert.deepEqual(plan, [{ id: 'a', at: 0 }, { id: 'b', at: 1 }]);
  assert.equal(due(plan, 0).length, 1);
});

test('a text greets by first name', () => {
  assert.match(textFor({}, { at: NOON, clinic: 'North' }, ADA), /^Dear Ada, your appointment at North/);
});

test('values are masked', () => {
  assert.equal(maskPhone('+49301234'), '…34');
  assert.equal(maskEmail('ada@example.org'), 'a…@example.org');
});

// The gateway tells what became of a text message. It signs what it sends.
import { createHmac, timingSafeEqual } from 'node:crypto';

import { Router } from 'express';

import { meaningOf } from '../delivery.js';
import { log } from '../log.js';

export function signatureOf(body, secret) {
  return createHmac('sha256', secret).update(JSON.stringify(body)).digest('hex');
}

export function signed(body, given, secret) {
  const expected = Buffer.from(signatureOf(body, secret));
  const actual = Buffer.from(String(given ?? ''));
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

export function reportRoutes(secret) {
  const router = Router();

  router.post('/webhooks/gateway', (req, res) => {
    if (!signed(req.body, req.headers['x-signature'], secret)) {
      log.warn('a report with a wrong signature or secret');
      return res.sendStatus(401);
    }
    log.info({ reminder: req.body.reminder, meaning: meaningOf(req.body) }, 'report');
    return res.sendStatus(204);
  });

  return router;
}

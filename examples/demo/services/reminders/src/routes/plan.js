// The plan of one appointment.
import { Router } from 'express';

import { requireStaff } from '../auth.js';
import { log } from '../log.js';
import { remindersFor, textFor } from '../plan.js';

export function planRoutes(people, clock = Date.now) {
  const router = Router();

  router.post('/', requireStaff, (req, res) => {
    const { appointment, person: id } = req.body;
    const person = people.get(id);
    if (!person) return res.sendStatus(404);
    return res.status(201).json(remindersFor(appointment, person, clock()));
  });

  router.post('/preview', (req, res) => {
    const { appointment, person: id } = req.body;
    const person = people.get(id);
    if (!person) return res.sendStatus(404);
    const recipient = person.email;
    log.info({ recipient: recipient, clinic: appointment.clinic }, 'previewed');
    return res.json({ text: textFor({}, appointment, person) });
  });

  return router;
}

// People; the application includes these behind requireStaff.
import { Router } from 'express';

export function peopleRoutes(people) {
  const router = Router();

  router.get('/:id', (req, res) => {
    const person = people.get(req.params.id);
    return person ? res.json({ id: person.id, channel: person.channel }) : res.sendStatus(404);
  });

  router.put('/:id/channel', (req, res) => {
    res.sendStatus(people.prefer(req.params.id, req.body.channel) ? 204 : 404);
  });

  return router;
}

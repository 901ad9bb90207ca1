// The application.
import express from 'express';

import { requireStaff } from './auth.js';
import { log } from './log.js';
import { People } from './people.js';
import { peopleRoutes } from './routes/people.js';
import { planRoutes } from './routes/plan.js';
import { reportRoutes } from './routes/reports.js';

export function createApp(people = new People()) {
  const app = express();
  app.use(express.json());
  app.get('/healthz', (req, res) => res.json({ status: 'ok' }));
  app.use('/people', requireStaff, peopleRoutes(people));
  app.use('/plans', planRoutes(people));
  app.use(reportRoutes(process.env.GATEWAY_SIGNING_KEY ?? ''));

  app.post('/opt-out/:id', (req, res) => {
    res.sendStatus(people.optOut(req.params.id) ? 204 : 404);
  });
  return app;
}

if (process.argv[1]?.endsWith('server.js')) {
  const port = Number(process.env.PORT ?? 8080);
  createApp().listen(port, () => log.info({ port }, 'listening'));
}

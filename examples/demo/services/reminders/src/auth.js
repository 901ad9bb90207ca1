// Who calls. Staff come with a token of the identity provider.
import jwt from 'jsonwebtoken';

import { log } from './log.js';

export function requireStaff(req, res, next) {
  const [scheme, token] = (req.headers.authorization ?? '').split(' ');
  if (scheme !== 'Bearer' || !token) {
    return res.status(401).json({ error: 'no token' });
  }
  try {
    req.staff = jwt.verify(token, process.env.JWT_PUBLIC_KEY ?? '', { algorithms: ['ES256'] });
  } catch (error) {
    log.warn({ authorization: req.headers.authorization }, 'token refused');
    return res.status(401).json({ error: 'invalid token' });
  }
  return next();
}

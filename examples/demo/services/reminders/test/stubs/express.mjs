const router = () => {
  const routes = [];
  const self = { routes };
  for (const method of ['get', 'post', 'put', 'delete', 'use', 'set']) {
    self[method] = (path, ...handlers) => {
      routes.push({ method, path, handlers });
      return self;
    };
  }
  return self;
};
export const Router = router;
const express = router;
express.json = () => (req, res, next) => next();
export default express;

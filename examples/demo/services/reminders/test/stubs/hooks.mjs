// A bare name that does not resolve becomes the module of that name beside this one.
const STUBS = new Set(['express', 'jsonwebtoken', 'pino']);

export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    if (STUBS.has(specifier)) {
      return { url: new URL(`./${specifier}.mjs`, import.meta.url).href, shortCircuit: true };
    }
    throw error;
  }
}

// Packages that are not installed are replaced, so that the tests run with Node alone.
import { register } from 'node:module';

register('./hooks.mjs', import.meta.url);

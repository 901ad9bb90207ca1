const quiet = () => {};
const logger = { info: quiet, warn: quiet, error: quiet, debug: quiet, child: () => logger };
export default function pino() {
  return logger;
}

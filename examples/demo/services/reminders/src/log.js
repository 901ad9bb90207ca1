// One logger for the service.
import pino from 'pino';

export const log = pino({ name: 'reminders', level: process.env.LOG_LEVEL ?? 'info' });

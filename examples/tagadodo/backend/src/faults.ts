import type { NextFunction, Request, Response } from 'express';
import type { Faults } from './settings.js';

/** Slows and breaks answers of the API as asked for. Health answers are never touched. */
export function injectFaults(
  faults: Faults,
  random: () => number = Math.random,
  clock: () => number = performance.now.bind(performance),
) {
  const active = faultClock(faults, clock);
  return (request: Request, response: Response, next: NextFunction): void => {
    const spared = !(request.get('user-agent') ?? '').includes(faults.userAgent);
    if (/^\/health(\/|$)/.test(request.path) || spared || !active()) {
      next();
      return;
    }
    const answer = () => {
      if (random() * 100 >= faults.errorPercent) next();
      else response.status(500).json({ statusCode: 500, message: 'FAULT_ERROR_PERCENT' });
    };
    if (faults.latencyMs > 0) setTimeout(answer, faults.latencyMs);
    else answer();
  };
}

/** Tells at each request whether it is time for faults: late enough, and enough requests in the last second. */
function faultClock({ afterSeconds, aboveRate }: Faults, clock: () => number): () => boolean {
  const started = clock();
  let recent: number[] = [];
  return () => {
    const now = clock();
    if (now - started < afterSeconds * 1_000) return false;
    if (aboveRate === 0) return true;
    recent = [...recent.filter((at) => at > now - 1_000), now];
    return recent.length > aboveRate;
  };
}

/** Dies like a program with a mistake in it: by an error that nobody catches. */
export function scheduleCrash({ crashAfterSeconds }: Faults): void {
  if (crashAfterSeconds === undefined) return;
  setTimeout(() => {
    throw new Error('FAULT_CRASH_AFTER');
  }, crashAfterSeconds * 1_000).unref();
}

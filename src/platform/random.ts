import type { Random } from '../domain/ports.ts';

export const systemRandom: Random = { next: () => Math.random() };

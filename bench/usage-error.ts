/** Whoever runs the benchmarks can put it right: an unknown name, a file that holds no results. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

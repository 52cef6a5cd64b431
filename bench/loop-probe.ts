import { monitorEventLoopDelay } from 'node:perf_hooks';

/*
 * Loaded into a server before its own code (--import): tells the process that started it for how long the event loop was
 * held. A timer of a millisecond is looked at each time the loop comes round.
 */
const delay = monitorEventLoopDelay({ resolution: 1 });

process.on('message', (order) => {
  if (order === 'begin') {
    delay.reset();
    delay.enable();
    process.send?.({ begun: true });
  } else {
    delay.disable();
    process.send?.({ longestHoldMs: delay.max / 1e6 });
  }
});

// Listening must not keep the server from ending.
process.channel?.unref();

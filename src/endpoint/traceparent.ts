/** Where a call stands in its caller's trace. */
export type Traceparent = {
  /** 32 lower-case hexadecimal digits. */
  readonly traceId: string;
  /** 16 lower-case hexadecimal digits. */
  readonly parentId: string;
  readonly sampled: boolean;
};

const VERSION_00 = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * Reads a traceparent header (W3C Trace Context, level 1, section 3.2). Undefined when there is none or when it is
 * invalid: a bad header is ignored, never an error of the call.
 */
export function parseTraceparent(header: string | undefined): Traceparent | undefined {
  const match = header === undefined ? null : VERSION_00.exec(header);
  if (match === null) return undefined;
  const [, version, traceId, parentId, flags, rest] = match;
  if (version === undefined || traceId === undefined || parentId === undefined || flags === undefined) return undefined;
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId)) return undefined;
  return { traceId, parentId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

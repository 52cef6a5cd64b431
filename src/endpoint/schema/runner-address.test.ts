import { describe, expect, test } from 'vitest';
import { runnerAddress } from './runner-address.ts';

describe('accepted', () => {
  test.each([
    '',
    'localhost:50052',
    ':50052',
    '10.1.2.3:1',
    'runner-7.ci_net.example.:65535',
    '[::1]:50052',
    '[fe80::1]:50052',
    '[fe80::1%eth0]:50052',
    '[::ffff:10.0.0.1]:50052',
    '255.255.255.255:50052',
    'dns:///runner.example:50052',
    'dns:///10.0.0.1:50052',
    'dns:///[::1]:50052',
    'unix:/run/runner.sock',
    'unix:///run/runner.sock',
    `unix:/${'x'.repeat(106)}`,
  ])('%s', (address) => {
    expect(runnerAddress.safeParse(address)).toMatchObject({ success: true, data: address });
  });
});

describe('refused', () => {
  test.each([
    'localhost',
    'localhost:',
    'localhost:0',
    'localhost:65536',
    'localhost:http',
    'localhost:-1',
    ':',
    '::1:50052',
    '[::1]',
    '[1.2.3.4]:50052',
    '[]:50052',
    '1.2.3.400:50052',
    '1.2.3:50052',
    '1.2.3.4.:50052',
    '1.2.3.04:50052',
    '[::1::2]:50052',
    '[12345::]:50052',
    '[fe80::1%]:50052',
    '[::1]@[::2]:50052',
    'a b:50052',
    '-:x',
    'a..b:50052',
    'http://localhost:50052',
    'localhost:50052/path',
    'dns:localhost:50052',
    'dns://8.8.8.8/localhost:50052',
    'dns:///:50052',
    'ipv4:1.2.3.4:50052',
    'passthrough:///localhost:50052',
    'unix:relative.sock',
    'unix:',
    'unix:/',
    'unix://host/path',
    'unix:/with\nline',
    `unix:/${'x'.repeat(107)}`,
    `${'x'.repeat(254)}:50052`,
    'localhost:50052\n',
    ' localhost:50052',
  ])('%j', (address) => {
    const parsed = runnerAddress.safeParse(address);
    expect(parsed.success).toBe(false);
    expect(parsed.error?.issues[0]?.message).toMatch(/^must be HOST:PORT|^the path of a socket/);
  });
});

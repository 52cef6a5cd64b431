import { expect, test } from 'vitest';
import { fileSystemOf } from '../../bench/machine.ts';

const mounts = `/dev/vda / ext4 rw 0 0
tmpfs /tmp tmpfs rw 0 0
/dev/vdb /tmp/deep xfs rw 0 0
overlay /tmp/deep btrfs rw 0 0
`;

test.each([
  ['/home', 'ext4'],
  ['/', 'ext4'],
  ['/tmp', 'tmpfs'],
  ['/tmp/a', 'tmpfs'],
  ['/tmpfile', 'ext4'],
  ['/tmp/deep/a', 'btrfs'],
])('%s is on %s', (path, kind) => {
  expect(fileSystemOf(path, mounts)).toBe(kind);
});

test('nothing known of any mount is unknown', () => {
  expect(fileSystemOf('/home', '')).toBe('unknown');
});

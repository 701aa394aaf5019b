import { expect, test } from 'vitest';
import { hashPassword, verifyPassword } from '../../src/auth/passwords.js';

test('a password verifies against its own hash only', async () => {
  const hash = await hashPassword('correct horse');
  expect(await verifyPassword('correct horse', hash)).toBe(true);
  expect(await verifyPassword('wrong horse', hash)).toBe(false);
});

test('the same password never gives the same hash twice', async () => {
  expect(await hashPassword('correct horse')).not.toBe(await hashPassword('correct horse'));
});

test.each([undefined, '', 'scrypt$', 'scrypt$c2FsdA$'])(
  'nothing verifies against %o',
  async (hash) => {
    expect(await verifyPassword('', hash)).toBe(false);
  },
);

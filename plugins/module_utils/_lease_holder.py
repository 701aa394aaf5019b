# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What holds a lease in a service's database: a script for Node.js, run in the service's own image.

It lies in Python because only Python travels with a module to a host. ``scripts/lib/app_tests.sh``
lints it as JavaScript. How it works with the module is told in ``_lease.py``.
"""

from __future__ import annotations

SCRIPT = r"""// Holds the lease of a database's migrations: node --input-type=module -e THIS SETTINGS
// It is the first process of its container, and migrations run beside it: when it ends, the kernel ends them.
// No clock of another machine is read: a lease is over when nobody renewed it for its own number of seconds.
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

const { variable, seconds, wait, idle, owner } = JSON.parse(process.argv[1]);
const LEASE = { _id: 'migrations' };
const DUPLICATE_KEY = 11000;
const NOT_THERE = ['MODULE_NOT_FOUND', 'ERR_PACKAGE_PATH_NOT_EXPORTED'];
const token = randomUUID();
const second = () => performance.now() / 1000;
let client;
let leases;
let renewed;
let ending = false;
let givenBack = false;

function tell(stream, text) {
  writeSync(stream, `${text}\n`);
}

/** What went wrong, in one line that has no password in it. */
function reason(error) {
  const said = String(error?.message ?? error).split(process.env[variable] || '\n');
  return said
    .join(variable)
    .replace(/\/\/\S*@/g, '//***@')
    .replace(/\s+/g, ' ');
}

function die(text) {
  tell(2, text);
  process.exit(1);
}

/** The driver of the image: its own, or that of a package which brings it. */
function driver() {
  const inImage = createRequire(`${process.cwd()}/package.json`);
  for (const bringer of ['', 'mongoose', 'migrate-mongo']) {
    try {
      return (bringer ? createRequire(inImage.resolve(bringer)) : inImage)('mongodb');
    } catch (error) {
      if (!NOT_THERE.includes(error.code)) throw error;
    }
  }
  throw new Error(`no package mongodb or mongoose in ${process.cwd()}/node_modules of the image`);
}

function connect() {
  const uri = process.env[variable];
  if (!uri) throw new Error(`the service's environment has no ${variable}`);
  const { MongoClient } = driver();
  const patience = Math.max(1000, seconds * 333);
  client = new MongoClient(uri, {
    appName: 'tagadodo-deploy-lease',
    maxPoolSize: 2,
    serverSelectionTimeoutMS: patience,
    connectTimeoutMS: patience,
    socketTimeoutMS: patience,
  });
  leases = client.db().collection('deploy_lease', {
    readPreference: 'primary',
    writeConcern: { w: 'majority', wtimeoutMS: patience },
  });
}

/** Takes a lease that nobody has. */
async function take(lease) {
  try {
    await leases.insertOne({ ...LEASE, ...lease });
    return true;
  } catch (error) {
    if (error.code === DUPLICATE_KEY) return false;
    throw error;
  }
}

/** Takes a lease from a holder that has not renewed it since `found` was read. */
async function takeOver(found, lease) {
  const unchanged = { ...LEASE, token: found.token, beat: found.beat };
  return (await leases.updateOne(unchanged, { $set: lease })).modifiedCount === 1;
}

/** Waits for the lease; the lease it was taken over from, if its holder is no more. */
async function acquire() {
  const began = second();
  const lease = { token, owner, seconds, beat: 0, since: new Date().toISOString() };
  let seen;
  let seenSince;
  let alive = false;
  for (;;) {
    renewed = second();
    if (await take(lease)) return undefined;
    const found = await leases.findOne(LEASE);
    if (!found) continue;
    if (found.token !== seen?.token || found.beat !== seen?.beat) {
      alive = seen !== undefined;
      seen = found;
      seenSince = second();
    } else if (second() - seenSince >= found.seconds) {
      renewed = second();
      if (await takeOver(found, lease)) return found;
    }
    // A holder that was never seen alive may be dead: that shows after its own seconds, not after ours.
    if (alive && second() - began >= wait) {
      die(`${found.owner} holds it since ${found.since}, and did not end within ${wait} s`);
    }
    await sleep(Math.min(500, seconds * 100));
  }
}

/** Ends everything here when the lease was not renewed in time, and nobody else can have it yet. */
function checkAge() {
  const age = second() - renewed;
  if (age > (seconds * 2) / 3) die(`lost: not renewed for ${age.toFixed(1)} s`);
}

async function renew() {
  const started = second();
  const { matchedCount } = await leases.updateOne({ ...LEASE, token }, { $inc: { beat: 1 } });
  if (matchedCount === 1) {
    renewed = started;
    return;
  }
  if (givenBack) return;
  const found = await leases.findOne(LEASE);
  die(`lost: ${found ? `${found.owner} took it over` : 'somebody removed it from the database'}`);
}

/** Whether anything but this process is at work in the container; what has ended but is still listed is not. */
function busy() {
  return readdirSync('/proc').some((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return false;
    try {
      return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${name}/status`, 'utf8'));
    } catch {
      return false;
    }
  });
}

function signalOthers(signal) {
  try {
    process.kill(-1, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** Gives the lease back, its own only, once nothing runs under it; until then it is renewed. */
async function release() {
  if (ending) return;
  ending = true;
  signalOthers('SIGTERM');
  while (busy()) await sleep(50);
  givenBack = true;
  try {
    await leases?.deleteOne({ ...LEASE, token });
  } catch (error) {
    die(`not given back, so it has to run out: ${reason(error)}`);
  }
  process.exit(0);
}

/** Renews until it is told to end, or until nobody runs anything here: then the caller was killed. */
async function hold() {
  setInterval(checkAge, 100); // however long an answer takes
  let worked = second();
  let next = renewed + seconds / 3;
  while (!givenBack) {
    checkAge();
    if (busy()) worked = second();
    else if (second() - worked > idle) return release();
    if (second() >= next) {
      await renew().then(
        () => {
          next = second() + seconds / 3;
        },
        (error) => tell(2, `not renewed yet: ${reason(error)}`),
      );
    }
    await sleep(Math.min(250, seconds * 50));
  }
}

process.on('SIGTERM', release);
process.on('SIGUSR2', () => signalOthers('SIGTERM'));
process.on('SIGQUIT', () => signalOthers('SIGKILL'));
try {
  connect();
  const before = await acquire();
  const takenOver = before && { owner: before.owner, since: before.since };
  tell(1, JSON.stringify({ held: true, taken_over_from: takenOver ?? null }));
  await hold();
} catch (error) {
  die(reason(error));
}
"""

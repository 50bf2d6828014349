// Google's own libraries for Node, unchanged, against `impersona emulator`: through its proxy with no address set, and
// directly where a library has a setting for one.
//
//     node clients.mjs PATH-OF-IMPERSONA FOLDER-WITH-NODE_MODULES
//
// The first process starts two emulators, one of them as a proxy, and itself again with the environment that the proxy
// prints: Node reads certificates at its start alone. What would leave the machine is refused.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

import { everyLibrary, others } from './checks.mjs';

const HERE = fileURLToPath(import.meta.url);
/** An account with a key that may stand for people, and logins to be revoked. */
const LOGIN = 'user:viewer-only@example.com';
const CALLERS = ['serviceAccount:workspace-sync@acme-prod.iam.gserviceaccount.com', LOGIN];

/** The example organization with more callers; as text, because its numbers are longer than those of JavaScript. */
function worldWith(principals) {
  const text = readFileSync(new URL('../../../crates/emulator/assets/world.json', import.meta.url), 'utf8');
  const more = principals.map(principal => `,\n${JSON.stringify({ principal })}`).join('');
  const made = text.replace(/\n {2}\],\n {2}"faults"/, match => more + match);
  assert.notEqual(made, text);
  return made;
}

/** `impersona emulator` as a process; its first line says everything. */
async function start(binary, env, ...options) {
  const child = spawn(binary, ['emulator', '--control', ...options], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(readline.createInterface({ input: child.stdout }), 'line');
  return { child, first: JSON.parse(line) };
}

async function outer(binary, modules) {
  const home = mkdtempSync(path.join(os.tmpdir(), 'impersona-node-'));
  const env = { PATH: process.env.PATH, HOME: home, TMPDIR: home };
  const world = path.join(home, 'world.json');
  writeFileSync(world, worldWith(CALLERS));
  const proxy = await start(binary, env, '--proxy', '--world', world);
  const plain = await start(binary, env, '--world', world);
  try {
    const firsts = JSON.stringify({ proxy: proxy.first, plain: plain.first });
    const inner = spawn(process.execPath, [HERE, modules], {
      env: { ...env, ...proxy.first.env, EMULATORS: firsts },
      stdio: 'inherit',
    });
    const [code] = await once(inner, 'exit');
    return code ?? 1;
  } finally {
    for (const { child } of [proxy, plain]) {
      child.kill();
      await once(child, 'exit');
    }
    rmSync(home, { recursive: true, force: true });
  }
}

/** Nothing but this machine is connected to, whatever a library wants. */
function stayHere() {
  const connect = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function (...given) {
    const [options] = Array.isArray(given[0]) ? given[0] : given;
    const host = options?.host ?? options?.hostname;
    if (host !== undefined && !['127.0.0.1', 'localhost', '::1'].includes(host)) {
      throw new Error(`${host} is not this machine`);
    }
    return connect.apply(this, given);
  };
}

/** An emulator, and how a library reaches it. */
function reached(first, proxied) {
  const base = `http://127.0.0.1:${first.port}`;
  const control = async (method, what, body) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${base}/_emulator/${what}`, { method, headers, body: body && JSON.stringify(body) });
    assert.ok(answer.ok, `${what}: ${answer.status}`);
    return answer.headers.get('content-type')?.includes('json') ? answer.json() : null;
  };
  const ask = async (what, fields) => (await fetch(`${base}/${what}`, { method: 'POST', body: new URLSearchParams(fields) })).json();
  return {
    base,
    proxied,
    control,
    ask,
    callers: first.callers,
    /** Files that a check may use up. */
    logins: first.callers.filter(caller => caller.principal === LOGIN).map(caller => caller.path),
    of: kind => first.callers.filter(caller => caller.kind === kind),
    file: principal => first.callers.find(caller => caller.principal === principal && !caller.impersonates).path,
    /** Where a service is, for what has a setting. */
    at: host => (proxied ? `https://${host}` : base),
    /** The addresses that OAuth2Client has settings for, and none through the proxy. */
    endpoints: proxied
      ? {}
      : {
          endpoints: {
            tokenInfoUrl: `${base}/tokeninfo`,
            oauth2TokenUrl: `${base}/token`,
            oauth2RevokeUrl: `${base}/revoke`,
            oauth2FederatedSignonPemCertsUrl: `${base}/oauth2/v1/certs`,
            oauth2FederatedSignonJwkCertsUrl: `${base}/oauth2/v3/certs`,
          },
        },
  };
}

async function inner(modules) {
  stayHere();
  // The libraries' advice to their users.
  console.warn = () => {};
  const load = createRequire(path.join(path.resolve(modules), 'package.json'));
  const { proxy, plain } = JSON.parse(process.env.EMULATORS);
  const rows = [];
  const run = async (name, compared, work) => {
    try {
      await work();
      rows.push([name, compared, true]);
      console.log(`ok   ${name}`);
    } catch (error) {
      rows.push([name, compared, false]);
      console.log(`FAIL ${name}: ${error?.stack ?? error}`);
    }
  };
  const ways = { proxy: reached(proxy, true), plain: reached(plain, false) };
  for (const [library, name] of [['google-auth-library', '10'], ['google-auth-library-11', '11']]) {
    const google = load(library);
    for (const [way, emulator] of [['by the proxy', ways.proxy], ['directly', ways.plain]]) {
      for (const { title, compared, only, work } of everyLibrary) {
        if (only === undefined || only === way) {
          await run(`${name} ${way}: ${title}`, compared, () => work({ google, load, ...emulator }));
        }
      }
    }
  }
  for (const { title, compared, work } of others) {
    const google = load('google-auth-library');
    await run(title, compared, () => work({ google, load, ...ways }));
  }
  return shown(rows);
}

/** The checks as a table, then the line with the count; as the other scripts have it. */
function shown(rows) {
  const wide = (n, title) => Math.max(title.length, ...rows.map(row => row[n].length));
  const [name, compared] = [wide(0, 'name'), wide(1, 'what was compared')];
  console.log(`\n${'name'.padEnd(name)}  ${'what was compared'.padEnd(compared)}  passed`);
  for (const row of rows) {
    console.log(`${row[0].padEnd(name)}  ${row[1].padEnd(compared)}  ${row[2] ? 'yes' : 'NO'}`);
  }
  const failed = rows.filter(row => !row[2]).length;
  console.log(`${rows.length - failed} passed, ${failed} failed`);
  return failed ? 1 : 0;
}

const [first, second] = process.argv.slice(2);
if (process.env.EMULATORS) {
  process.exitCode = await inner(first);
} else if (first && second) {
  process.exitCode = await outer(path.resolve(first), second);
} else {
  console.error('usage: node clients.mjs PATH-OF-IMPERSONA FOLDER-WITH-NODE_MODULES');
  process.exitCode = 2;
}

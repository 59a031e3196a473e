// One sample of graphile-worker: `node sample.mjs DIRECTORY SAMPLE.json RESULT.json`, or
// `node sample.mjs DIRECTORY --probe`, where DIRECTORY has it in node_modules. The files are those
// of benchmarks/child.py, the workloads those of benchmarks/measure.py.
//
// Settings: 100 jobs at once, a local queue of 500, ends of jobs written in batches, a pool of 20,
// polling every 0.1 s instead of every 2 s (timers are found by polling alone).

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

const [directory, ...rest] = process.argv.slice(2);
const modules = resolve(directory, "node_modules");
const load = (path) => import(pathToFileURL(join(modules, path)).href);
const TICK_US = 10_000;

class NotOffered extends Error {}

const probe = { count: 0, late: [], target: 0, reached: null };
function hit(payload) {
  if (payload.due) probe.late.push(Date.now() / 1000 - payload.due);
  probe.count += 1;
  if (probe.count === probe.target) probe.reached();
}
function reset() {
  probe.count = 0;
  probe.late = [];
}
async function came(count, withinS) {
  if (probe.count >= count) return;
  probe.target = count;
  const all = new Promise((done) => (probe.reached = done));
  const late = sleep(withinS * 1000, "late", { ref: false });
  if ((await Promise.race([all, late])) === "late") {
    throw new Error(`${probe.count} of ${count} came within ${withinS} s`);
  }
}

function serverUs(postmaster) {
  if (postmaster === null) return null;
  let ticks = 0;
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    let text;
    try {
      text = readFileSync(`/proc/${entry}/stat`, "utf8");
    } catch {
      continue;
    }
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ").map(Number);
    const isPostmaster = Number(entry) === postmaster;
    if (!isPostmaster && fields[1] !== postmaster) continue;
    ticks += fields.slice(11, isPostmaster ? 15 : 13).reduce((sum, each) => sum + each, 0);
  }
  return ticks * TICK_US;
}
function reading(postmaster) {
  const cpu = process.cpuUsage();
  return { at: performance.now(), client: cpu.user + cpu.system, server: serverUs(postmaster) };
}
function costs(before, after, count) {
  const found = { cpu_client_us: (after.client - before.client) / count };
  if (after.server !== null) found.cpu_server_us = (after.server - before.server) / count;
  return found;
}
function loads(before, after) {
  const us = (after.at - before.at) * 1000;
  const found = { idle_client_pct: (100 * (after.client - before.client)) / us };
  if (after.server !== null) found.idle_server_pct = (100 * (after.server - before.server)) / us;
  return { ...found, rss_mb: process.memoryUsage.rss() / 1e6 };
}
function lateness(which) {
  const late = probe.late.sort((a, b) => a - b);
  const rank = (share) => late[Math.min(late.length - 1, Math.ceil(share * late.length) - 1)] * 1e3;
  const found = { p50_ms: rank(0.5), p99_ms: rank(0.99), max_ms: late[late.length - 1] * 1e3 };
  return { ...found, value: found[`${which}_ms`] };
}

class Client {
  constructor(utils, pool) {
    this.utils = utils;
    this.pool = pool;
  }
  start(due, isTimer) {
    return this.utils.addJob("hit", due ? { due } : {}, isTimer ? { runAt: new Date(due * 1000) } : {});
  }
  startMany(count, due) {
    const spec = { identifier: "hit", payload: {}, ...(due ? { runAt: new Date(due * 1000) } : {}) };
    return this.utils.addJobs(Array.from({ length: count }, () => spec));
  }
  async waiting() {
    const { rows } = await this.pool.query("select count(*)::int as n from graphile_worker._private_jobs");
    return rows[0].n;
  }
  async submit(count, submitters, start) {
    let next = 0;
    const one = async () => {
      while (next < count) await start(next++);
    };
    await Promise.all(Array.from({ length: submitters }, one));
  }
}

async function opened(env, work) {
  const { makeWorkerUtils, Logger } = await load("graphile-worker/dist/index.js");
  const { default: pg } = await load("pg/lib/index.js");
  const url = new URL(env.dsn.replace("@/", "@localhost/"));
  const socket = url.searchParams.get("host");
  const pool = new pg.Pool({
    host: socket ?? (url.hostname || "127.0.0.1"),
    port: Number(url.searchParams.get("port") ?? (url.port || 5432)),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password) || undefined,
    database: url.pathname.slice(1),
    max: 20,
  });
  pool.on("error", () => {});
  const logger = new Logger(() => () => {});
  const utils = await makeWorkerUtils({ pgPool: pool, logger });
  await utils.migrate();
  try {
    return await work(new Client(utils, pool), () => running(pool, logger, env));
  } finally {
    await utils.release();
    await pool.end();
  }
}
async function running(pool, logger, env) {
  const { run } = await load("graphile-worker/dist/index.js");
  return run({
    preset: {
      worker: {
        concurrentJobs: env.concurrency,
        pollInterval: 100,
        localQueue: { size: 500 },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
        maxPoolSize: 20,
      },
    },
    pgPool: pool,
    logger,
    noHandleSignals: true,
    taskList: { hit },
    crontab: "",
  });
}
async function bulks(client, env, due) {
  for (let first = 0; first < env.count; first += env.bulk) {
    await client.startMany(Math.min(env.bulk, env.count - first), due);
  }
}
async function stored(client, wanted) {
  const found = await client.waiting();
  if (found !== wanted) throw new Error(`${found} of ${wanted} starts are stored`);
}

const bulkStarts = (env, postmaster, due) =>
  opened(env, async (client) => {
    const warm = Math.min(200, env.count);
    await client.startMany(warm, 0);
    const before = reading(postmaster);
    await bulks(client, env, due);
    const after = reading(postmaster);
    await stored(client, warm + env.count);
    return { value: (env.count / (after.at - before.at)) * 1000, ...costs(before, after, env.count) };
  });

const timers = (env, postmaster) =>
  opened(env, async (client, work) => {
    const runner = await work();
    await sleep(500);
    const due = Math.ceil(Date.now() / 1000 + env.lead_s);
    const began = performance.now();
    await client.submit(env.count, env.submitters, (n) => client.start(due + n / env.count, true));
    const registered = (performance.now() - began) / 1000;
    await sleep(1000);
    const idleMs = due * 1000 - 1000 - Date.now();
    if (idleMs < 500) throw new Error("registering took longer than the time until the first was due");
    let before = reading(postmaster);
    await sleep(idleMs);
    const idle = loads(before, reading(postmaster));
    await sleep(Math.max(0, due * 1000 - 100 - Date.now()));
    before = reading(postmaster);
    await came(env.count, env.patience_s + 2);
    const after = reading(postmaster);
    await runner.stop();
    const fired = { ...lateness("p99"), ...costs(before, after, env.count) };
    return { ...fired, ...idle, register_per_s: env.count / registered };
  });

const MEASURES = {
  W1: (env, postmaster) =>
    opened(env, async (client) => {
      const warm = Math.min(200, env.count);
      await client.submit(warm, env.submitters, () => client.start(0, false));
      const before = reading(postmaster);
      await client.submit(env.count, env.submitters, () => client.start(0, false));
      const after = reading(postmaster);
      await stored(client, warm + env.count);
      return { value: (env.count / (after.at - before.at)) * 1000, ...costs(before, after, env.count) };
    }),
  W1b: (env, postmaster) => bulkStarts(env, postmaster, 0),
  W4d: (env, postmaster) => bulkStarts(env, postmaster, Date.now() / 1000 + 86_400),
  W2: (env, postmaster) =>
    opened(env, async (client, work) => {
      await bulks(client, env);
      await stored(client, env.count);
      const before = reading(postmaster);
      const runner = await work();
      await came(env.count, env.patience_s);
      while (await client.waiting()) await sleep(5);
      const after = reading(postmaster);
      await runner.stop();
      return { value: (env.count / (after.at - before.at)) * 1000, ...costs(before, after, env.count) };
    }),
  W3: (env, postmaster) =>
    opened(env, async (client, work) => {
      const runner = await work();
      for (let n = 0; n < 5; n++) await client.start(Date.now() / 1000, false);
      await came(5, env.patience_s);
      await sleep(500);
      reset();
      const before = reading(postmaster);
      const pending = [];
      for (let n = 0; n < env.count; n++) {
        await sleep(Math.max(0, before.at + (n / env.rate) * 1000 - performance.now()));
        pending.push(client.start(Date.now() / 1000, false));
      }
      await Promise.all(pending);
      await came(env.count, env.patience_s);
      const after = reading(postmaster);
      await runner.stop();
      return { ...lateness("p50"), ...costs(before, after, env.count) };
    }),
  W4: timers,
  W4c: timers,
  W4b: () => {
    throw new NotOffered("recurring jobs have a resolution of a minute and come from a crontab");
  },
  W5: () => {
    throw new NotOffered("no store in memory");
  },
};

async function sample(order) {
  try {
    const metrics = await MEASURES[order.workload](order.env, order.postmaster);
    return { metrics, keeps: "durable, no history" };
  } catch (error) {
    if (error instanceof NotOffered) return { not_offered: error.message };
    return { failed: `${error.name}: ${error.message}` };
  }
}

if (rest[0] === "--probe") {
  let version = null;
  try {
    version = JSON.parse(readFileSync(join(modules, "graphile-worker", "package.json"))).version;
    await load("graphile-worker/dist/index.js");
  } catch {
    version = null;
  }
  console.log(JSON.stringify({ python: process.version, uvloop: null, systems: { graphile: version } }));
} else {
  const [order, result] = rest;
  writeFileSync(result, JSON.stringify(await sample(JSON.parse(readFileSync(order)))));
  process.exit(0);
}

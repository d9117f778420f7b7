// The page: fetches the JSON API, fills the cards, uploads statements. No build step, nothing from elsewhere.
"use strict";
import { drawHistory, drawProjection, numbers } from "./chart.js";
import { cents, day, full, fullDay, longMonth, money, percent, setShown, short, signed, text, units } from "./format.js";

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const user = /^[a-z0-9][a-z0-9-]{0,59}$/.test(query.get("user") ?? "") ? query.get("user") : "me";
const base = `/api/users/${user}`;
const CURRENCIES = ["AUD", "USD", "EUR", "GBP", "NZD", "JPY", "CHF", "CAD", "SGD", "HKD"];
const KINDS = { property: ["Property", "--a1"], shares: ["Shares & ETFs", "--a3"], superannuation: ["Superannuation", "--a2"], cash: ["Cash", "--a4"], vehicles: ["Vehicles", "--a5"], other: ["Other", "--a5"] };
const DEBTS = { mortgage: "Mortgage", loan: "Loans", "other-debt": "Other debts", card: "Credit cards" };
const RANGES = [["6M", 7], ["1Y", 13], ["All", Infinity]];
let currency = query.get("currency"), range = "All", state = null;

class Problem extends Error {
  constructor(status, body) { super(body.detail || body.title || `The server answered ${status}`); this.status = status; this.hint = body.hint; }
}

async function call(method, path, body) {
  const answer = await fetch(path, { method, headers: body ? { "content-type": "application/json" } : {}, body: body && JSON.stringify(body) });
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(answer.status, found);
  return found;
}

const complain = (error) => {
  $("banner").hidden = false;
  $("banner").innerHTML = `<b>${text(error.message)}</b> ${text(error.hint ?? (error instanceof Problem ? "" : "Is the server running? The page shows what it last knew."))}`;
};

async function load() {
  try {
    const household = await call("GET", base);
    currency ??= household.currency;
    setShown(currency);
    const asked = `?currency=${encodeURIComponent(currency)}`;
    const [worth, history, lines, imports, rates, plan] = await Promise.all([
      call("GET", `${base}/net-worth${asked}`), call("GET", `${base}/history${asked}`), call("GET", `${base}/transactions?limit=7`), call("GET", `${base}/imports?limit=8`),
      call("GET", `/api/exchange/rates?base=${encodeURIComponent(currency)}`).catch((error) => { if (error.status === 503) return null; throw error; }),
      household.target ? call("GET", `${base}/independence${asked}`) : null,
    ]);
    state = { household, worth, points: history.points, lines, imports, rates, plan };
    $("banner").hidden = true;
    render();
  } catch (error) {
    if (error.status === 404) { state = null; welcome(); } else complain(error);
  }
  document.body.classList.remove("loading");
}

const sum = (positions) => positions.reduce((total, position) => total + Number(position.value), 0);
const byKind = (kind) => state.worth.positions.filter((position) => position.kind === kind);

function render() {
  const { household, worth, imports } = state;
  $("currency-box").hidden = !worth.positions.length;
  $("me").hidden = false;
  const letters = household.name.split(/\s+/).map((word) => word[0]).slice(0, 2).join("").toUpperCase();
  $("me").innerHTML = `<span class="av">${text(letters)}</span><span><b>${text(household.name)}</b><small>${text(household.currency)} household</small></span>`;
  const waiting = imports.filter((record) => record.status === "waiting").length;
  $("pending").hidden = !waiting; $("pending").textContent = waiting;
  if (!worth.positions.length) {
    if (imports.length) $("sync").textContent = waiting ? "Importing…" : "";
    return welcome(imports);
  }
  $("empty").hidden = true; $("dashboard").hidden = false;
  const accounts = worth.positions.filter((position) => position.kind === "cash" || position.kind === "card");
  $("sync").textContent = `${accounts.length} ${accounts.length === 1 ? "account" : "accounts"}` + (worth.rates_on ? `, rates of ${day(worth.rates_on)}` : "");
  const known = state.rates ? Object.keys(state.rates.rates) : [currency];
  $("currency").innerHTML = [...new Set([...CURRENCIES.filter((code) => known.includes(code)), ...known])].map((code) => `<option${code === currency ? " selected" : ""}>${text(code)}</option>`).join("");
  hero(); fire(); assets(); banks(accounts); shares(); property(); transactions(); statements();
}

function hero() {
  const { worth, points } = state;
  $("nw").textContent = money(worth.net_worth, currency);
  $("nw-label").textContent = currency === state.household.currency ? "Net worth" : `Net worth in ${currency}`;
  const most = RANGES.find(([name]) => name === range)[1], shown = points.slice(-Math.min(most, points.length));
  $("range").innerHTML = RANGES.map(([name]) => `<button type="button" aria-pressed="${name === range}">${name}</button>`).join("");
  const plot = shown.length > 0;
  $("hist-box").hidden = !plot;
  if (!plot) { $("change").innerHTML = `<span class="t3">The history is being worked out.</span>`; return; }
  const first = Number(shown[0].net_worth), gain = worth.net_worth - first, months = shown.length - 1;
  $("change").innerHTML = months < 1 ? `<span class="t3">since ${fullDay(shown[0].on)}</span>` :
    `<b class="${gain < 0 ? "down" : "up"}">${signed(gain, (v) => money(v, currency))}${first > 0 ? ` (${signed(gain / first, (v) => percent(Math.abs(v) < 0.0005 ? 0 : v))})` : ""}</b> <span class="t3">since ${longMonth(shown[0].on)}</span>`;
  drawHistory($("hist"), $("tip"), shown, currency);
  $("numbers").innerHTML = numbers(shown, currency);
}

function fire() {
  const { plan, points } = state;
  $("fire").hidden = false;
  if (!plan) { $("fire-body").innerHTML = `<p class="none">No target yet. Set the net worth at which work becomes a choice: PUT ${base} with a <code>target</code>.</p>`; return; }
  const target = Number(plan.target), share = Number(plan.share), pace = Number(plan.monthly);
  const marks = [[1.6 / 3.25, "Lean"], [2.5 / 3.25, "FIRE"], [1, "Fat"]];
  $("fire-body").innerHTML = `<div class="pct num"><span>${percent(share, 0)}</span><small>of ${money(target, currency)}</small></div>
    <div class="prog" role="progressbar" aria-valuenow="${Math.round(share * 100)}" aria-valuemin="0" aria-valuemax="100" aria-label="Share of the target"><i style="width:${Math.max(0, Math.min(1, share)) * 100}%"></i>${marks.slice(0, 2).map(([at]) => `<b class="${share > at ? "" : "f"}" style="left:${at * 100}%"></b>`).join("")}</div>
    <div class="ticks">${marks.map(([at, name]) => `<span style="left:${at * 100}%">${name} <b>${short(Math.round(target * at / 10000) * 10000, currency)}</b></span>`).join("")}</div>
    <svg id="proj" role="img" aria-label="Net worth so far and at the pace of the last year"></svg>
    <dl class="facts"><div><dt>Fat FIRE at this pace</dt><dd>${plan.reached_on ? longMonth(plan.reached_on) : "Not in sight"}</dd></div><div><dt>Growth a month, last year</dt><dd class="${pace < 0 ? "down" : ""}">${signed(pace, (v) => money(v, currency))}</dd></div></dl>`;
  if (points.length) drawProjection($("proj"), points, plan, currency); else $("proj").remove();
}

function assets() {
  const { worth } = state;
  const rows = Object.entries(KINDS).map(([kind, [name, colour]]) => [name, colour, sum(byKind(kind))]).filter(([, , value]) => value).sort((a, b) => b[2] - a[2]);
  const debts = Object.entries(DEBTS).map(([kind, name]) => [name, sum(byKind(kind))]).filter(([, value]) => value);
  const owned = Number(worth.assets), owed = Number(worth.liabilities);
  $("assets-total").textContent = money(owned, currency);
  $("assets").innerHTML = `<div class="stack" aria-hidden="true">${rows.filter((row) => row[2] > 0).map(([, colour, value]) => `<i style="flex:${value};background:var(${colour})"></i>`).join("")}</div>` +
    rows.map(([name, colour, value]) => `<div class="li"><span class="sw" style="background:var(${colour})"></span>${text(name)}<span class="a">${money(value, currency)}</span><span class="p">${percent(value / owned)}</span></div>`).join("") +
    (debts.length ? `<div class="sub"><span>Liabilities</span><span>${money(owed, currency)}</span></div>` + debts.map(([name, value]) => `<div class="li"><span class="sw" style="background:var(--debt)"></span>${name}<span class="a">${money(value, currency)}</span><span class="p">${percent(value / owed)}</span></div>`).join("") : "");
}

const HUES = ["#20516B", "#2F7D6D", "#7A4B2A", "#5B4A7E", "#8A3F3F", "#4D6B20"];
function banks(accounts) {
  const home = state.household.currency;
  const houses = [...new Set(accounts.map((account) => account.name.split(" ")[0]))];
  const groups = new Map();
  for (const account of accounts) {
    const kind = account.detail.split(" ")[0];
    const group = account.kind === "card" ? "Credit cards" : account.currency !== home ? "Foreign currency" : kind === "everyday" ? "Everyday" : kind === "savings" ? "Savings" : "Brokerage";
    groups.set(group, [...(groups.get(group) ?? []), account]);
  }
  $("accounts-total").textContent = accounts.length ? cents(sum(accounts), currency) : "";
  $("accounts-body").innerHTML = !accounts.length ? `<p class="none">No account yet. Import a statement of your bank, OFX or CSV.</p>` :
    ["Everyday", "Savings", "Brokerage", "Foreign currency", "Credit cards"].filter((name) => groups.has(name)).map((name) => `<div class="grp"><span>${name}</span><span>${cents(sum(groups.get(name)), currency)}</span></div>` +
      groups.get(name).map((account) => {
        const house = account.name.split(" ")[0], tail = account.detail.split(" ").pop();
        const own = account.currency === currency ? "" : `, ${cents(account.amount, account.currency)}`;
        return `<div class="acc"><span class="logo" aria-hidden="true" style="background:${HUES[houses.indexOf(house) % HUES.length]}">${text(house[0])}</span><span style="min-width:0"><b>${text(account.name)}</b><small class="num">${text(tail + own)}</small></span><span class="v">${cents(account.value, currency)}</span></div>`;
      }).join("")).join("");
}

function spark(trend) {
  if (trend.length < 2) return "";
  const values = trend.map(Number), low = Math.min(...values), span = Math.max(...values) - low || 1;
  return `<svg width="48" height="22" aria-hidden="true"><path d="M${values.map((v, i) => `${(1 + i * 46 / (values.length - 1)).toFixed(1)} ${(20 - (v - low) / span * 18).toFixed(1)}`).join("L")}" fill="none" stroke="var(--${values.at(-1) < values[0] ? "down" : "up"})" stroke-width="1.500" stroke-linejoin="round"/></svg>`;
}

function shares() {
  const held = byKind("shares").sort((a, b) => b.value - a.value), total = sum(held);
  $("shares-total").textContent = held.length ? cents(total, currency) : "";
  $("shares-body").innerHTML = !held.length ? `<div class="body"><p class="none">No shares yet. PUT them to ${base}/holdings.</p></div>` :
    `<table class="sh"><thead><tr><th>Holding</th><th></th><th>Price</th><th>Value</th></tr></thead><tbody>${held.map((share) => {
      const [code, ...name] = share.name.split(" "), trend = share.trend.map(Number), change = trend.length > 1 ? trend.at(-1) / trend.at(-2) - 1 : 0;
      return `<tr><td><b>${text(code)}</b><small>${text(name.join(" "))}</small></td><td>${spark(trend)}</td><td><b class="m">${cents(share.price, share.currency)}</b><small class="${change < 0 ? "down" : "up"}">${change < 0 ? "−" : "+"}${percent(Math.abs(change), 2)}</small></td><td><b>${money(share.value, currency)}</b><small>${units(share.units)} units</small></td></tr>`;
    }).join("")}</tbody></table>`;
  const points = state.points, shareOf = (point) => Number(point.kinds.shares ?? 0);
  const tile = (name, value) => `<div><span>${name}</span><b class="${value < 0 ? "down" : "up"}">${signed(value, (v) => money(v, currency))}</b></div>`;
  $("shares-foot").className = "fx num three";
  $("shares-foot").innerHTML = held.length && points.length > 2 ? tile("Last month", shareOf(points.at(-1)) - shareOf(points.at(-2))) + tile("Last year", shareOf(points.at(-1)) - shareOf(points.at(Math.max(-13, -points.length)))) + `<div><span>Of all assets</span><b>${percent(total / state.worth.assets)}</b></div>` : "";
}

function property() {
  const houses = byKind("property"), owed = -sum(byKind("mortgage")), value = sum(houses), equity = value - owed;
  const figure = (name, amount) => `<span><span>${name}</span><b class="num">${money(amount, currency)}</b></span>`;
  $("property-body").innerHTML = !houses.length ? `<p class="none">No property yet. PUT it to ${base}/holdings, with what is owed on it.</p>` :
    `<div style="display:flex;align-items:baseline"><b style="font-weight:600">${text(houses.map((house) => house.name).join(", "))}</b><span class="t3" style="margin-left:auto">valued ${day(houses[0].detail.replace("valued ", ""))}</span></div>
    <div class="eq">${figure("Your equity", equity)}${figure("Estimated value", value)}</div>
    <div class="stack" style="margin:12px 0 4px" aria-hidden="true"><i style="flex:${Math.max(equity, 0)};background:var(--a1)"></i><i style="flex:${owed};background:var(--debt)"></i></div>
    <div style="display:flex;font-size:12.5px" class="t3 num"><span>Equity ${percent(equity / value)}</span><span style="margin-left:auto">Mortgage ${percent(owed / value)}</span></div>
    <div style="margin-top:10px;border-top:1px solid var(--line);padding-top:5px">${byKind("mortgage").map((debt) => `<div class="li"><span class="t2">${text(debt.name)}</span><span class="a">${money(-debt.value, currency)}</span></div>${repaid(debt)}`).join("")}${risen(houses)}</div>`;
}

const repaid = (debt) => {
  const trend = debt.trend.map(Number);
  if (trend.length < 13) return "";
  const paid = (trend.at(-13) - trend.at(-1)) * debt.value / debt.amount;
  return `<div class="li"><span class="t2">Repaid in a year</span><span class="a up">${money(paid, currency)}</span></div>`;
};
const risen = (houses) => houses.filter((house) => house.trend.length > 1).map((house) => {
  const trend = house.trend.map(Number);
  return `<div class="li"><span class="t2">Value since first valued</span><span class="a ${trend.at(-1) < trend[0] ? "down" : "up"}">${signed(trend.at(-1) / trend[0] - 1, percent)}</span></div>`;
}).join("");

function transactions() {
  $("tx").innerHTML = !state.lines.length ? `<tbody><tr><td colspan="3" class="t3">No transactions yet. They come with statements.</td></tr></tbody>` :
    `<tbody>${state.lines.map((line) => `<tr><td title="${text(line.account)}"><b class="m">${text(line.description)}</b><small>${day(line.day)}</small></td><td><span class="cat">${text(line.category)}</span></td><td class="${line.amount > 0 ? "up" : ""}" style="font-weight:500">${signed(Number(line.amount), (v) => cents(v, line.currency))}</td></tr>`).join("")}</tbody>`;
}

const outcome = (record) => record.status === "failed" ? `<small class="down">Line ${record.fault.line}: ${text(record.fault.message)}</small>` :
  record.status === "waiting" ? `<small>Waiting for its turn</small>` :
  `<small class="num">${record.new} new${record.changed ? `, ${record.changed} changed` : ""}${record.known ? `, ${record.known} known already` : ""}</small>`;
const CHIPS = { imported: ["ok", "Imported"], failed: ["bad", "Failed"], waiting: ["busy", "Importing"] };

function statements() {
  const { imports, rates } = state;
  $("imports").innerHTML = imports.slice(0, 5).map((record) => `<div class="imp"><span style="min-width:0"><b>${text(record.filename)}</b>${outcome(record)}</span><span class="cat ${CHIPS[record.status][0]}">${CHIPS[record.status][1]}</span></div>`).join("") ||
    `<p class="none">Nothing imported yet. Take an OFX or CSV file from your bank's site.</p>`;
  const wanted = ["USD", "EUR", "GBP", "JPY", "AUD"].filter((code) => code !== currency && rates?.rates[code]).slice(0, 4);
  $("rates").innerHTML = rates ? wanted.map((code) => `<div><span>${full(currency)}1 in ${code}</span><b>${Number(rates.rates[code]).toFixed(code === "JPY" ? 2 : 4)}</b></div>`).join("") + `<p>European Central Bank, published ${fullDay(rates.published)}</p>` : "";
}

function welcome(imports = []) {
  $("dashboard").hidden = true; $("empty").hidden = false;
  const failed = imports.find((record) => record.status === "failed");
  $("empty").innerHTML = `<svg class="flame" aria-hidden="true"><use href="#i-brand"/></svg><h2>What are you worth?</h2>
    <p>Import a statement of your bank and see every account in one currency, how your net worth grew month by month, and how far it is to never having to work.</p>
    <div class="acts"><button class="btn pri" id="sample" type="button">Load sample data</button><button class="btn" id="first" type="button">Import statement</button></div>
    ${failed ? `<p class="down" role="status"><b>${text(failed.filename)} was not imported.</b> Line ${failed.fault.line}: ${text(failed.fault.message)}</p>` : ""}
    <small>OFX (1.x and 2.x) and CSV. The sample is an invented household with five accounts in three currencies, a mortgage, shares and eighteen months of history.</small>`;
  $("first").onclick = () => $("import").click();
  $("sample").onclick = async () => {
    $("sample").disabled = true; $("sample").textContent = "Loading…";
    try { await call("POST", `${base}/sample`); await settle(); } catch (error) { complain(error); $("sample").disabled = false; $("sample").textContent = "Load sample data"; }
  };
}

// Imports are tasks: ask until none is waiting, then once more for the snapshots that follow from them.
async function settle() {
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  for (let turn = 0; turn < 60; turn++) {
    await load();
    if (state && !state.imports.some((record) => record.status === "waiting")) break;
    await pause(500);
  }
  for (const ms of [400, 1200, 2500]) { await pause(ms); await load(); }
}

async function upload(file) {
  $("import").disabled = true;
  $("sync").textContent = `Uploading ${file.name}…`;
  try {
    if (!state) await call("PUT", base, { name: "My household", currency: currency ?? "AUD" });
    const { url, method, headers } = await call("POST", `${base}/imports`, { filename: file.name });
    const answer = await fetch(url, { method, headers, body: file });
    if (!answer.ok) throw new Problem(answer.status, await answer.json().catch(() => ({})));
    await settle();
  } catch (error) { complain(error); } finally { $("import").disabled = false; $("file").value = ""; }
}

$("import").onclick = () => $("file").click();
$("file").onchange = () => { if ($("file").files[0]) upload($("file").files[0]); };
$("currency").onchange = () => {
  currency = $("currency").value;
  query.set("currency", currency);
  history.replaceState(null, "", `?${query}${location.hash}`);
  load();
};
$("range").onclick = (event) => { if (event.target.matches("button")) { range = event.target.textContent; hero(); } };
const mark = () => document.querySelectorAll(".nav a").forEach((link) => { link.getAttribute("href") === (location.hash || "#top") ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current"); });
addEventListener("hashchange", mark);
addEventListener("resize", () => { if (state?.points.length && state.worth.positions.length) { drawHistory($("hist"), $("tip"), state.points.slice(-Math.min(RANGES.find(([name]) => name === range)[1], state.points.length)), currency); fire(); } });
mark();
await load();
if (state?.imports.some((record) => record.status === "waiting")) settle();

// Numbers, days and text for people. Everything that comes from a file of a bank goes through `text`.
"use strict";

const SIGNS = { AUD: "A$", USD: "US$", EUR: "€", GBP: "£", NZD: "NZ$", CAD: "C$", JPY: "¥", SGD: "S$", HKD: "HK$" };
const whole = new Intl.NumberFormat("en-AU", { maximumFractionDigits: 0 });
const exact = new Intl.NumberFormat("en-AU", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
let shown = "AUD"; // the currency of the page: its dollars are plain, others say whose they are

export const setShown = (currency) => { shown = currency; };
export const full = (currency) => SIGNS[currency] ?? `${currency}\u00a0`;
const sign = (currency) => (currency === shown && SIGNS[currency]?.endsWith("$") ? "$" : full(currency));
const minus = (value) => (value < 0 ? "−" : "");
export const money = (value, currency = shown) => `${minus(Math.round(value))}${sign(currency)}${whole.format(Math.abs(value))}`;
export const cents = (value, currency = shown) => `${minus(value)}${sign(currency)}${exact.format(Math.abs(value))}`;
export const signed = (value, format) => (value > 0 ? "+" : "") + format(value);
export const percent = (share, digits = 1) => `${(share * 100).toFixed(digits)}%`;
export const units = (value) => whole.format(value);
export const short = (value, currency = shown) => {
  const size = Math.abs(value);
  const [by, unit] = size >= 1e9 ? [1e9, "B"] : size >= 1e6 ? [1e6, "M"] : size >= 1e3 ? [1e3, "K"] : [1, ""];
  const number = value / by;
  return `${minus(value)}${SIGNS[currency] ? sign(currency) : ""}${Math.abs(number).toFixed(unit && number % 1 ? (number * 10) % 1 > .01 ? 2 : 1 : 0)}${unit}`;
};
const parts = (iso) => { const [y, m, d] = iso.split("-").map(Number); return new Date(y, m - 1, d || 1); };
export const day = (iso) => parts(iso).toLocaleDateString("en-AU", { day: "numeric", month: "short" });
export const fullDay = (iso) => parts(iso).toLocaleDateString("en-AU", { day: "numeric", month: "short", year: "numeric" });
export const month = (iso) => parts(iso).toLocaleDateString("en-AU", { month: "short", year: "2-digit" });
export const longMonth = (iso) => parts(iso).toLocaleDateString("en-AU", { month: "long", year: "numeric" });
export const text = (value) => String(value).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

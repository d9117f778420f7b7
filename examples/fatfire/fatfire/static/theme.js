// Before the first paint: ?theme=dark or light wins, else the system decides.
"use strict";
const asked = new URLSearchParams(location.search).get("theme");
const dark = matchMedia("(prefers-color-scheme: dark)");
const apply = () => { document.documentElement.dataset.theme = asked || (dark.matches ? "dark" : "light"); };
apply();
dark.addEventListener("change", apply);

/** Light or dark: as chosen here before, else as the system says. */
const KEY = "portable-console-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

/** @returns {"light"|"dark"} */
export function theme() {
  const chosen = localStorage.getItem(KEY);
  if (chosen === "light" || chosen === "dark") return chosen;
  return system.matches ? "dark" : "light";
}

export function applyTheme() {
  document.documentElement.dataset.theme = theme();
}

export function switchTheme() {
  localStorage.setItem(KEY, theme() === "dark" ? "light" : "dark");
  applyTheme();
}

system.addEventListener("change", applyTheme);

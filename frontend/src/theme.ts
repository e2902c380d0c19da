// Runs before the first paint, so that a dark page never flashes white.
const root = document.documentElement;
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function apply(): void {
  const choice = localStorage.getItem("powernode.theme") ?? "auto";
  root.dataset.bsTheme = choice === "auto" ? (dark.matches ? "dark" : "light") : choice;
  root.dataset.themeChoice = choice;
}

apply();
root.classList.add("has-script");
dark.addEventListener("change", apply);
window.addEventListener("storage", apply);
document.addEventListener("powernode:theme", apply);

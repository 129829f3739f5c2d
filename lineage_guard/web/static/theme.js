// Runs before anything is drawn, so that a chosen theme does not flash. Pages work without it.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const kept = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const chosen = kept();
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const tell = (button) => button.setAttribute("aria-pressed", String(dark()));
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (!button) return;
    tell(button);
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      try { localStorage.setItem("theme", root.dataset.theme); } catch { /* not kept: it holds for this page */ }
      tell(button);
      document.dispatchEvent(new Event("theme"));
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { tell(button); document.dispatchEvent(new Event("theme")); });
  });
})();

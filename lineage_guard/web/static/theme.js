// Runs before anything is drawn, so that a chosen theme does not flash. Pages work without it.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const kept = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const chosen = kept();
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const told = () => {
    document.getElementById("theme")?.setAttribute("aria-pressed", String(dark()));
    document.dispatchEvent(new Event("theme"));
  };
  // On the document: a page is sent piece by piece, and its button is seen before its end is there.
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#theme")) return;
    root.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* not kept: it holds for this page */ }
    told();
  });
  document.addEventListener("DOMContentLoaded", told);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", told);
})();

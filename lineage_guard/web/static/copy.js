// Copies a command. Without a clipboard (plain http on another host) it selects it instead.
"use strict";
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const text = button.parentElement.querySelector("pre");
  const said = document.getElementById("said");
  try {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = "Copied";
    if (said) said.textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren(text);
    button.textContent = "Selected";
    if (said) said.textContent = "Selected: copy it with your keyboard.";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});

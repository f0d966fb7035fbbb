// Makes pages livelier; everything works without it.
"use strict";
(() => {
  // The server's clock decides: how far this device's clock is from it.
  const drift = () => new Date(document.body.dataset.now).getTime() - loadedAt;
  const loadedAt = Date.now();

  const spell = (milliseconds, node) => {
    const seconds = Math.max(0, Math.round(milliseconds / 1000));
    const days = Math.floor(seconds / 86400);
    const parts = [Math.floor((seconds % 86400) / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
    const clock = parts.map((part) => String(part).padStart(2, "0")).join(":");
    return days ? `${days} ${node.dataset.days} ${clock}` : clock;
  };

  // <span data-countdown="2019-09-02T08:00:00+00:00" data-days="d" data-over="…">: what is left, every second.
  const tick = () => {
    const now = Date.now() + drift();
    for (const node of document.querySelectorAll("[data-countdown]")) {
      const left = new Date(node.dataset.countdown).getTime() - now;
      node.textContent = left >= 0 ? spell(left, node) : node.dataset.over;
      node.classList.toggle("urgent", left < 15 * 60 * 1000);
    }
  };
  tick();
  setInterval(tick, 1000);
  document.addEventListener("htmx:afterSwap", tick);

  // Forms that ask before they do something that cannot be undone: <form data-confirm="…">
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset && event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });

  // A form that writes is sent once, however often its button is tapped.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  // <button data-copy="text">
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button && navigator.clipboard) navigator.clipboard.writeText(button.dataset.copy);
  });
})();

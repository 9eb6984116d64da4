// Keys that work on every page: `/` searches, `?` shows the sheet of keys, `g` and a letter go to a page of the sidebar
// (data-key on its link). They can be turned off on the sheet, because some people's hands or voices press keys by chance.
(() => {
    const OFF = "shortcuts-off";
    // So long after `g` its second key counts.
    const PATIENCE = 1500;
    let since = -Infinity;

    const isOff = () => localStorage.getItem(OFF) === "yes";
    const isTyping = (element) =>
        element.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]") !== null;

    const showKeys = () => document.querySelector("dialog[data-shortcuts]")?.showModal();

    document.addEventListener("click", (event) => {
        if (event.target.closest("[data-shortcuts-open]")) {
            showKeys();
        }
    });

    document.addEventListener("change", (event) => {
        if (event.target.matches("[data-shortcuts-on]")) {
            localStorage.setItem(OFF, event.target.checked ? "no" : "yes");
        }
    });

    document.addEventListener("DOMContentLoaded", () => {
        for (const box of document.querySelectorAll("[data-shortcuts-on]")) {
            box.checked = !isOff();
        }
    });

    document.addEventListener("keydown", (event) => {
        const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.isComposing;
        if (!isPlain || isOff() || isTyping(event.target) || document.querySelector("dialog[open]")) {
            return;
        }
        if (event.key === "/") {
            event.preventDefault();
            document.dispatchEvent(new Event("search:open"));
        } else if (event.key === "?") {
            showKeys();
        } else if (event.key === "g") {
            since = event.timeStamp;
        } else if (event.timeStamp - since < PATIENCE) {
            since = -Infinity;
            document.querySelector(`.sidebar-link[data-key="${CSS.escape(event.key)}"]`)?.click();
        }
    });
})();

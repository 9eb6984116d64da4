// Moves the focus to where the page's news is: the error summary, or the heading after work that ended has reloaded the page.
(() => {
    const AFTER_RELOAD = "focus-heading-after-reload";

    document.addEventListener("htmx:beforeOnLoad", (event) => {
        if (event.detail.xhr.getResponseHeader("HX-Refresh")) {
            sessionStorage.setItem(AFTER_RELOAD, "yes");
        }
    });

    document.addEventListener("DOMContentLoaded", () => {
        const summary = document.querySelector("[data-focus-first]");
        const heading = document.querySelector("[data-page-heading]");
        if (summary) {
            summary.focus();
        } else if (sessionStorage.getItem(AFTER_RELOAD)) {
            heading?.focus();
        }
        sessionStorage.removeItem(AFTER_RELOAD);
    });
})();

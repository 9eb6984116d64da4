// Search from anywhere: opens the sheet (data-search) from links with data-search-open and by `/`, walks its results by
// arrow keys. Without it the links lead to the page of searching.
(() => {
    const sheet = () => document.querySelector("dialog[data-search]");

    const open = () => {
        const dialog = sheet();
        if (!dialog || dialog.open) {
            return;
        }
        dialog.showModal();
        const field = dialog.querySelector("input[type=search]");
        field.select();
        // Before anything is typed the pages are shown.
        field.dispatchEvent(new Event("opened"));
    };

    document.addEventListener("click", (event) => {
        if (event.target.closest("[data-search-open]") && sheet()) {
            event.preventDefault();
            open();
        }
        const close = event.target.closest("[data-sheet-close]");
        // A click on the dialog itself is one beside what it holds.
        if (close || event.target.matches("dialog.sheet")) {
            event.target.closest("dialog").close();
        }
    });

    document.addEventListener("search:open", open);

    document.addEventListener("keydown", (event) => {
        const dialog = event.target.closest?.("dialog[data-search]");
        if (!dialog || !["ArrowDown", "ArrowUp", "Enter", "Escape"].includes(event.key)) {
            return;
        }
        if (event.key === "Escape") {
            // In a field for searching the browser's own would only empty it.
            event.preventDefault();
            dialog.close();
            return;
        }
        const hits = [...dialog.querySelectorAll(".search-hit")];
        const place = hits.indexOf(document.activeElement);
        if (event.key === "Enter") {
            // From the field: to what was found first, if the results are those of what is typed.
            if (place < 0 && hits.length && event.target.matches("input") && !dialog.querySelector(".htmx-request")) {
                event.preventDefault();
                hits[0].click();
            }
            return;
        }
        event.preventDefault();
        const next = place + (event.key === "ArrowDown" ? 1 : -1);
        (hits[next] ?? dialog.querySelector("input")).focus();
    });
})();

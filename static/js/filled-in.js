// Keeps addresses short: of a form with data-sends-what-is-filled-in, empty fields are not sent, nor is a group of
// ticks (data-sent-when-changed) that nobody touched and the address does not have yet.
(() => {
    const isUntouched = (group) =>
        [...group.querySelectorAll("input")].every(
            (box) => box.checked === box.defaultChecked && !new URLSearchParams(location.search).has(box.name),
        );

    document.addEventListener("submit", (event) => {
        if (!event.target.matches("form[data-sends-what-is-filled-in]")) {
            return;
        }
        for (const field of event.target.elements) {
            if (field.name && field.type !== "checkbox" && !field.value) {
                field.disabled = true;
            }
        }
        for (const group of event.target.querySelectorAll("[data-sent-when-changed]")) {
            group.disabled = isUntouched(group);
        }
    });

    // Back to a page that the browser kept: its fields must work again.
    window.addEventListener("pageshow", () => {
        for (const field of document.querySelectorAll("form[data-sends-what-is-filled-in] :disabled")) {
            field.disabled = false;
        }
    });
})();

// Keeps what somebody typed when the session ends in the middle of a form: a form that is sent is remembered in this tab
// until a page comes that is not the one for signing in. Files and passwords are never remembered.
(() => {
    const KEY = "sent-form";
    const NEVER = "[type=file], [type=password], [type=submit], [name=csrfmiddlewaretoken]";
    const who = () => document.querySelector("[data-signed-in-as]")?.dataset.signedInAs;
    const fieldsOf = (form) => [...form.elements].filter((field) => field.name && !field.matches(NEVER));
    const isTicked = (field) => field.matches("[type=checkbox], [type=radio]");

    document.addEventListener("submit", (event) => {
        const form = event.target;
        if (form.method !== "post" || !form.matches("main form") || !who()) {
            return;
        }
        const values = fieldsOf(form).map((field) => [field.name, field.value, isTicked(field) ? field.checked : null]);
        sessionStorage.setItem(KEY, JSON.stringify({ action: form.action, who: who(), values, isSent: true }));
    });

    const fill = (form, values) => {
        const filled = new Map();
        for (const field of fieldsOf(form)) {
            const place = values.findIndex(
                ([name, value, ticked]) => name === field.name && (ticked === null || value === field.value),
            );
            // What the form was about when it was shown stays; all else that is hidden is the page's own.
            if (place < 0 || (field.type === "hidden" && field.name !== "seen")) {
                continue;
            }
            const [[, value, ticked]] = values.splice(place, 1);
            const before = isTicked(field) ? field.checked : field.value;
            if (isTicked(field)) {
                field.checked = ticked;
            } else {
                field.value = value;
            }
            if (field.type !== "hidden" && before !== (isTicked(field) ? field.checked : field.value)) {
                filled.set(field, true);
            }
        }
        for (const field of filled.keys()) {
            field.closest("details")?.setAttribute("open", "");
            field.dispatchEvent(new Event("change", { bubbles: true }));
        }
        return filled.size;
    };

    document.addEventListener("DOMContentLoaded", () => {
        const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
        if (!kept) {
            return;
        }
        if (document.querySelector("[data-sign-in]")) {
            // It did not arrive.
            sessionStorage.setItem(KEY, JSON.stringify({ ...kept, isSent: false }));
            return;
        }
        const form = [...document.querySelectorAll("main form")].find((one) => one.action === kept.action);
        if (kept.isSent || kept.who !== who()) {
            sessionStorage.removeItem(KEY);
        } else if (form) {
            sessionStorage.removeItem(KEY);
            const note = document.querySelector("[data-kept-note]");
            if (fill(form, kept.values) && note) {
                note.hidden = false;
                form.prepend(note);
                note.focus();
            }
        }
    });
})();

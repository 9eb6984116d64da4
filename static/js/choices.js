// Shows the fields that belong to a chosen radio (data-shown-for="NAME" data-value="VALUE OTHER"), and ticks ready-made
// choices (data-ticks="NAME" data-values="a b"); what is said of boxes (data-shown-while-ticked="NAME" data-values="a b") is
// shown while all of them are ticked; a button (data-blocked-while="NAME") is off while that is ticked. Without it all fields are there to be filled in.
(() => {
    const showFor = (form) => {
        for (const part of form.querySelectorAll("[data-shown-for]")) {
            const chosen = form.querySelector(`input[name="${part.dataset.shownFor}"]:checked`);
            part.hidden = Boolean(chosen) && !part.dataset.value.split(" ").includes(chosen.value);
        }
    };

    const tell = () => {
        for (const part of document.querySelectorAll("[data-shown-while-ticked]")) {
            const ticked = [...document.querySelectorAll(`input[name="${part.dataset.shownWhileTicked}"]:checked`)];
            const values = ticked.map((box) => box.value);
            part.hidden = !part.dataset.values.split(" ").every((value) => values.includes(value));
        }
    };
    document.addEventListener("DOMContentLoaded", tell);
    document.addEventListener("change", tell);

    const block = (button) => {
        button.disabled = Boolean(button.form.querySelector(`input[name="${button.dataset.blockedWhile}"]:checked`));
    };
    const blockAll = () => document.querySelectorAll("button[data-blocked-while]").forEach(block);

    document.addEventListener("DOMContentLoaded", blockAll);
    document.addEventListener("change", blockAll);

    document.addEventListener("DOMContentLoaded", () => {
        document.querySelectorAll("form:has([data-shown-for])").forEach(showFor);
    });

    document.addEventListener("change", (event) => {
        if (event.target.form?.querySelector("[data-shown-for]")) {
            showFor(event.target.form);
        }
    });

    document.addEventListener("click", (event) => {
        const button = event.target.closest("button[data-ticks]");
        if (!button) {
            return;
        }
        const wanted = button.dataset.values.split(" ");
        for (const box of button.form.querySelectorAll(`input[name="${button.dataset.ticks}"]:not(:disabled)`)) {
            box.checked = wanted.includes(box.value);
        }
        tell();
    });
})();

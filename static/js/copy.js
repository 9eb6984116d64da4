// Copies the text of an element: <button data-copy="ID" data-copied="what the button says then">.
(() => {
    document.addEventListener("click", async (event) => {
        const button = event.target.closest("button[data-copy]");
        if (!button) {
            return;
        }
        const source = document.getElementById(button.dataset.copy);
        try {
            await navigator.clipboard.writeText(source.textContent.trim());
        } catch {
            // Without TLS there is no clipboard: select the text, so that one keystroke copies it.
            getSelection().selectAllChildren(source);
            return;
        }
        const before = button.textContent;
        button.textContent = button.dataset.copied;
        setTimeout(() => {
            button.textContent = before;
        }, 2000);
    });
})();
